#include "text/grammar/schema_merge.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/digits.h"
#include "base/error.h"

namespace ttt {
namespace {

constexpr std::array<std::string_view, 16> kAnnotations = {
    "title",     "description", "default",          "examples",
    "example",   "$comment",    "$schema",          "$id",
    "$defs",     "definitions", "discriminator",    "readOnly",
    "writeOnly", "deprecated",  "contentMediaType", "contentEncoding"};

// The part of a JSON pointer, with its escapes and those of a URI replaced.
std::string unescaped(std::string_view part) {
  std::string out;
  for (std::size_t i = 0; i < part.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < part.size() ? hexadecimal_digit(part[at]) : -1; };
    if (part[i] == '%' && digit(i + 1) >= 0 && digit(i + 2) >= 0) {
      out.push_back(static_cast<char>(16 * digit(i + 1) + digit(i + 2)));
      i += 2;
    } else if (part[i] == '~' && i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1')) {
      out.push_back(part[++i] == '0' ? '~' : '/');
    } else {
      out.push_back(part[i]);
    }
  }
  return out;
}

const Json* child_of(const Json& json, const std::string& name) {
  if (json.is_object()) return json.find(name);
  if (!json.is_array()) return nullptr;
  const Json::Array& items = json.as_array("");
  std::size_t index = 0;
  if (name.empty() || name.size() > 9) return nullptr;
  for (const char c : name) {
    if (c < '0' || c > '9') return nullptr;
    index = 10 * index + static_cast<std::size_t>(c - '0');
  }
  return index < items.size() ? &items[index] : nullptr;
}

Json::Array types_of(const Json& type) { return type.is_array() ? type.as_array("") : Json::Array{type}; }

bool contains(const Json::Array& all, const Json& one) { return std::find(all.begin(), all.end(), one) != all.end(); }

Json::Array common(const Json::Array& a, const Json::Array& b) {
  Json::Array both;
  for (const Json& one : a) {
    if (contains(b, one)) both.push_back(one);
  }
  return both;
}

// Integers are numbers.
Json::Array common_types(const Json::Array& a, const Json::Array& b) {
  Json::Array both = common(a, b);
  const auto add_integer = [&](const Json::Array& one, const Json::Array& other) {
    if (contains(one, Json("integer")) && contains(other, Json("number")) && !contains(both, Json("integer"))) {
      both.emplace_back("integer");
    }
  };
  add_integer(a, b);
  add_integer(b, a);
  return both;
}

}  // namespace

bool is_annotation(std::string_view keyword) {
  return std::find(kAnnotations.begin(), kAnnotations.end(), keyword) != kAnnotations.end();
}

const Json& SchemaMerger::target(const std::string& reference, std::string_view path) const {
  require(reference == "#" || reference.starts_with("#/"), ErrorKind::kUnsupported, where_, ": ", path,
          "/$ref: wanted a reference within the schema (#/...), got ", reference);
  const Json* at = &root_;
  for (std::size_t begin = 2; begin <= reference.size() && reference.size() > 1;) {
    const std::size_t end = std::min(reference.find('/', begin), reference.size());
    at = child_of(*at, unescaped(std::string_view(reference).substr(begin, end - begin)));
    require(at != nullptr, ErrorKind::kBadData, where_, ": ", path, "/$ref: nothing is at ", reference);
    begin = end + 1;
  }
  return *at;
}

// What is copied counts, so that schemas that multiply by being joined are refused.
void SchemaMerger::spend(const Json& json) {
  constexpr std::int64_t kMost = 1 << 20;
  require(++steps_ < kMost, ErrorKind::kBadData, where_, ": joining schemas wanted at most ", kMost,
          " steps, takes more");
  if (json.is_object()) {
    for (const auto& [name, value] : json.as_object("")) spend(value);
  } else if (json.is_array()) {
    for (const Json& value : json.as_array("")) spend(value);
  }
}

Json SchemaMerger::flat(const Json& schema, std::string_view path) {
  constexpr int kDeepest = 64;
  require(++depth_ <= kDeepest, ErrorKind::kBadData, where_, ": ", path, ": more than ", kDeepest,
          " references and allOf within each other");
  spend(schema);
  Json result = schema;
  if (schema.is_object() && (schema.find("$ref") != nullptr || schema.find("allOf") != nullptr)) {
    result = Json(Json::Object());
    for (const auto& [keyword, value] : schema.as_object("")) {
      if (keyword != "$ref" && keyword != "allOf" && !is_annotation(keyword)) result.set(keyword, value);
    }
    if (const Json* reference = schema.find("$ref")) {
      result = merge(target(reference->as_string(text(where_, ": ", path, "/$ref")), path), result, path);
    }
    if (const Json* all = schema.find("allOf")) {
      for (const Json& one : all->as_array(text(where_, ": ", path, "/allOf"))) result = merge(result, one, path);
    }
  }
  --depth_;
  return result;
}

Json SchemaMerger::merge(const Json& a, const Json& b, std::string_view path) {
  const Json first = flat(a, path), second = flat(b, path);
  for (const auto& [one, other] : {std::pair(&first, &second), std::pair(&second, &first)}) {
    if (one->is_bool()) return one->as_bool("") ? *other : *one;
  }
  for (const Json* one : {&first, &second}) {
    require(one->is_object(), ErrorKind::kBadData, where_, ": ", path, ": wanted a schema (an object), got ",
            one->type_name());
  }
  Json result = first;
  if (result.is_object() && result.as_object("").empty()) result = Json(Json::Object());
  join_objects(result, second, path);
  for (const auto& [keyword, value] : second.as_object("")) {
    if (is_annotation(keyword)) continue;
    if (result.find(keyword) == nullptr) {
      result.set(keyword, value);
    } else if (*result.find(keyword) != value) {
      join(result, keyword, value, path);
    }
  }
  return result;
}

// What one of two objects refuses beside its own properties, and the other has.
void SchemaMerger::join_objects(Json& into, const Json& other, std::string_view path) {
  const auto closed = [](const Json& s) {
    const Json* more = s.find("additionalProperties");
    const Json* rest = s.find("unevaluatedProperties");
    return (more != nullptr && *more == Json(false)) || (rest != nullptr && *rest == Json(false));
  };
  const auto schema_of_rest = [](const Json& s) {
    const Json* more = s.find("additionalProperties");
    return more != nullptr && more->is_object() && !more->as_object("").empty();
  };
  for (const Json* one : {static_cast<const Json*>(&into), &other}) {
    const Json& rest = one == &into ? other : into;
    const Json* properties = rest.find("properties");
    if (properties == nullptr || !properties->is_object()) continue;
    for (const auto& [name, schema] : properties->as_object("")) {
      const Json* own = one->find("properties");
      const bool known = own != nullptr && own->find(name) != nullptr;
      require(known || !closed(*one) || one->find("unevaluatedProperties") != nullptr, ErrorKind::kUnsupported, where_,
              ": ", path, ": the property ", name,
              " is refused by additionalProperties of another schema that is joined with it");
      require(known || !schema_of_rest(*one), ErrorKind::kUnsupported, where_, ": ", path,
              ": joining a schema for additionalProperties with the property ", name, " is not supported");
    }
  }
}

void SchemaMerger::join(Json& into, std::string_view keyword, const Json& value, std::string_view path) {
  const Json own = *into.find(keyword);
  const auto numbers = [&](bool larger) {
    const std::string where = text(where_, ": ", path, "/", keyword);
    const bool first = (own.as_number(where) > value.as_number(where)) == larger;
    into.set(keyword, first ? own : value);
  };
  const auto items = [&](const Json& json) -> const Json::Array& {
    return json.as_array(text(where_, ": ", path, "/", keyword));
  };
  if (keyword == "type") {
    const Json::Array both = common_types(types_of(own), types_of(value));
    require(!both.empty(), ErrorKind::kBadData, where_, ": ", path, ": no type is left of ", own.dump(), " and ",
            value.dump());
    into.set(keyword, both);
  } else if (keyword == "enum") {
    into.set(keyword, common(items(own), items(value)));
  } else if (keyword == "required") {
    Json::Array all = items(own);
    for (const Json& name : items(value)) {
      if (!contains(all, name)) all.push_back(name);
    }
    into.set(keyword, std::move(all));
  } else if (keyword == "properties") {
    Json all = own;
    for (const auto& [name, schema] : value.as_object(text(where_, ": ", path, "/properties"))) {
      const Json* known = all.find(name);
      // Both hold: joined when the property is read.
      all.set(name, known == nullptr ? schema : Json(Json::Object{{"allOf", Json::Array{*known, schema}}}));
    }
    into.set(keyword, std::move(all));
  } else if (keyword == "items" || keyword == "additionalProperties") {
    if (own.is_bool() || value.is_bool()) {
      const Json& flag = own.is_bool() ? own : value;
      into.set(keyword, flag == Json(false) ? flag : own.is_bool() ? value : own);
    } else {
      into.set(keyword, Json(Json::Object{{"allOf", Json::Array{own, value}}}));
    }
  } else if (keyword == "unevaluatedProperties") {
    into.set(keyword, false);
  } else if (keyword == "minimum" || keyword == "exclusiveMinimum" || keyword == "minLength" || keyword == "minItems" ||
             keyword == "minProperties") {
    numbers(true);
  } else if (keyword == "maximum" || keyword == "exclusiveMaximum" || keyword == "maxLength" || keyword == "maxItems" ||
             keyword == "maxProperties") {
    numbers(false);
  } else if (keyword == "pattern") {
    // Not a keyword of schemas: patterns that hold beside each other.
    Json::Array all = own.is_array() ? items(own) : Json::Array{own};
    for (const Json& one : value.is_array() ? items(value) : Json::Array{value}) all.push_back(one);
    into.set(keyword, std::move(all));
  } else {
    fail(ErrorKind::kUnsupported,
         text(where_, ": ", path, ": joining two schemas with ", keyword, " is not supported"));
  }
}

}  // namespace ttt
