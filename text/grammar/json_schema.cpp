#include "text/grammar/json_schema.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include "base/error.h"
#include "text/grammar/schema_merge.h"
#include "text/grammar/schema_scalars.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;

constexpr std::string_view kObjectKeywords[] = {
    "properties", "required", "additionalProperties", "unevaluatedProperties", "minProperties", "maxProperties"};
constexpr std::string_view kArrayKeywords[] = {"items", "prefixItems", "minItems", "maxItems"};
constexpr std::string_view kStringKeywords[] = {"minLength", "maxLength", "pattern", "format"};
constexpr std::string_view kNumberKeywords[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
                                                "multipleOf"};
constexpr std::string_view kAny[] = {"type", "enum", "const", "anyOf", "oneOf", "nullable"};
constexpr std::string_view kTypes[] = {"object", "array", "string", "number", "integer", "boolean", "null"};

template <std::size_t n>
bool among(const std::string_view (&all)[n], std::string_view one) {
  return std::find(std::begin(all), std::end(all), one) != std::end(all);
}
template <std::size_t n>
bool has_any(const Json& schema, const std::string_view (&keywords)[n]) {
  return std::any_of(std::begin(keywords), std::end(keywords),
                     [&](std::string_view k) { return schema.find(k) != nullptr; });
}

// A name as a part of a JSON pointer.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '~' || c == '/') {
      out += c == '~' ? "~0" : "~1";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string json_type_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return "boolean";
  if (value.is_integer()) return "integer";
  if (value.is_number()) return "number";
  if (value.is_string()) return "string";
  return value.is_array() ? "array" : "object";
}

Json without(const Json& schema, std::initializer_list<std::string_view> keywords) {
  Json rest{Json::Object()};
  for (const auto& [keyword, value] : schema.as_object("")) {
    if (std::find(keywords.begin(), keywords.end(), keyword) == keywords.end() && !is_annotation(keyword)) {
      rest.set(keyword, value);
    }
  }
  return rest;
}

class SchemaWriter {
 public:
  SchemaWriter(const Json& root, GrammarGraph& graph, JsonSpace space)
      : root_(root), graph_(graph), text_(graph, space), scalars_(graph, text_), merger_(root, graph.where()) {}

  std::uint32_t run() {
    check_depth(root_, 0);
    const std::uint32_t root = reference_rule("#");
    while (!pending_.empty()) {
      const Pending next = std::move(pending_.front());
      pending_.pop_front();
      const State begin = graph_.state();
      graph_.at(next.rule).begin = begin;
      const State end = next.flat ? flat_value(begin, next.schema, next.path) : value(begin, next.schema, next.path);
      graph_.at(next.rule).end = end;
    }
    return root;
  }

 private:
  [[noreturn]] void refuse(ErrorKind kind, const std::string& path, std::string_view problem) const {
    fail(kind, text(graph_.where(), ": ", path, ": ", problem));
  }
  [[noreturn]] void unsupported(const std::string& path, std::string_view what) const {
    refuse(ErrorKind::kUnsupported, path, text(what, " is not supported"));
  }
  std::string place(const std::string& path, std::string_view keyword) const {
    return text(graph_.where(), ": ", path, "/", keyword);
  }

  void check_depth(const Json& json, std::int64_t depth) const {
    require(depth <= graph_.limits().depth, ErrorKind::kBadData, graph_.where(), ": the schema wanted at most ",
            graph_.limits().depth, " values within each other, got more");
    if (json.is_object()) {
      for (const auto& [name, value] : json.as_object("")) check_depth(value, depth + 1);
    } else if (json.is_array()) {
      for (const Json& value : json.as_array("")) check_depth(value, depth + 1);
    }
  }

  // ---- rules
  // --------------------------------------------------------------------------------------------------------- The rule
  // is written later, so that nothing here goes as deep as rules refer to each other.
  std::uint32_t new_rule(Json schema, const std::string& path, bool flat) {
    const std::uint32_t index = graph_.add_rule(path);
    pending_.push_back({index, std::move(schema), path, flat});
    return index;
  }
  std::uint32_t reference_rule(const std::string& reference) {
    const auto [at, fresh] = rules_.try_emplace(reference, 0);
    if (fresh) at->second = new_rule(merger_.target(reference, "#"), reference, false);
    return at->second;
  }
  State call(State from, std::uint32_t rule) {
    const State to = graph_.state();
    graph_.rule(from, to, rule);
    return to;
  }

  // ---- values of any type
  // --------------------------------------------------------------------------------------------
  State value(State from, const Json& schema, const std::string& path) {
    if (schema.is_bool()) {
      if (!schema.as_bool("")) refuse(ErrorKind::kBadData, path, "false accepts no value");
      return text_.any_value(from);
    }
    if (!schema.is_object()) {
      refuse(ErrorKind::kBadData, path, text("wanted a schema (an object), got ", schema.type_name()));
    }
    struct Depth {
      std::int64_t& n;
      explicit Depth(std::int64_t& count) : n(count) { ++n; }
      ~Depth() { --n; }
    } depth(depth_);
    if (depth_ > graph_.limits().depth) {
      refuse(ErrorKind::kBadData, path, text("more than ", graph_.limits().depth, " schemas within each other"));
    }
    if (schema.find("$ref") == nullptr && schema.find("allOf") == nullptr) return flat_value(from, schema, path);
    const Json own = without(schema, {});
    if (own.as_object("").size() == 1 && own.find("$ref") != nullptr) {
      const std::string& reference = own.at("$ref", path).as_string(place(path, "$ref"));
      merger_.target(reference, path);  // an error names this place
      return call(from, reference_rule(reference));
    }
    // A rule of its own, so that recursion through a reference with other keywords beside it comes to an end.
    const auto [at, fresh] = rules_.try_emplace("=" + own.dump(), 0);
    if (fresh) at->second = new_rule(merger_.flat(schema, path), path, true);
    return call(from, at->second);
  }

  State flat_value(State from, const Json& schema, const std::string& path) {
    if (schema.is_bool()) return value(from, schema, path);
    check_keywords(schema, path);
    for (const std::string_view keyword : {"anyOf", "oneOf"}) {
      if (schema.find(keyword) != nullptr) return alternatives(from, schema, keyword, path);
    }
    const State to = graph_.state();
    if (const Json* nullable = schema.find("nullable"); nullable && nullable->as_bool(place(path, "nullable"))) {
      graph_.edge(text_.word(from, "null"), to);
    }
    if (schema.find("enum") != nullptr || schema.find("const") != nullptr) {
      graph_.edge(listed(from, schema, path), to);
      return to;
    }
    for (const std::string& type : types(schema, path)) graph_.edge(of_type(from, type, schema, path), to);
    return to;
  }

  void check_keywords(const Json& schema, const std::string& path) const {
    for (const auto& [keyword, value] : schema.as_object("")) {
      const bool known = is_annotation(keyword) || among(kAny, keyword) || among(kObjectKeywords, keyword) ||
                         among(kArrayKeywords, keyword) || among(kStringKeywords, keyword) ||
                         among(kNumberKeywords, keyword);
      const bool harmless = keyword == "uniqueItems" && value == Json(false);
      if (!known && !harmless) unsupported(path, text("the keyword ", keyword));
    }
  }

  State alternatives(State from, const Json& schema, std::string_view keyword, const std::string& path) {
    if (schema.find("anyOf") != nullptr && schema.find("oneOf") != nullptr) unsupported(path, "anyOf beside oneOf");
    const Json base = without(schema, {keyword});
    const State to = graph_.state();
    const Json::Array& branches = schema.at(keyword, path).as_array(place(path, keyword));
    if (branches.empty()) refuse(ErrorKind::kBadData, path, text(keyword, " wanted a schema at least, got none"));
    for (std::size_t i = 0; i < branches.size(); ++i) {
      const std::string own = text(path, "/", keyword, "/", i);
      const bool alone = base.as_object("").empty();
      graph_.edge(alone ? value(from, branches[i], own) : value(from, merger_.merge(base, branches[i], own), own), to);
    }
    return to;
  }

  State listed(State from, const Json& schema, const std::string& path) {
    for (const auto& [keyword, value] : schema.as_object("")) {
      const bool fits = is_annotation(keyword) || keyword == "type" || keyword == "enum" || keyword == "const" ||
                        keyword == "nullable";
      if (!fits) unsupported(path, text(keyword, " beside enum or const"));
    }
    Json::Array values;
    if (const Json* all = schema.find("enum")) {
      values = all->as_array(place(path, "enum"));
      if (const Json* one = schema.find("const")) std::erase_if(values, [&](const Json& v) { return v != *one; });
    } else {
      values.push_back(*schema.find("const"));
    }
    if (schema.find("type") != nullptr) {
      const std::vector<std::string> allowed = types(schema, path);
      std::erase_if(values, [&](const Json& v) {
        const std::string type = json_type_of(v);
        const bool number = type == "integer" && std::find(allowed.begin(), allowed.end(), "number") != allowed.end();
        return !number && std::find(allowed.begin(), allowed.end(), type) == allowed.end();
      });
    }
    if (values.empty()) refuse(ErrorKind::kBadData, path, "enum and type leave no value");
    const State to = graph_.state();
    for (const Json& v : values) graph_.edge(text_.exactly(from, v), to);
    return to;
  }

  // As the keyword says; without it, those that the other keywords are about, or all.
  std::vector<std::string> types(const Json& schema, const std::string& path) const {
    std::vector<std::string> all;
    const auto add = [&](const std::string& type) {
      if (!among(kTypes, type)) refuse(ErrorKind::kBadData, path, text("type ", type, " is not known"));
      if (std::find(all.begin(), all.end(), type) == all.end()) all.push_back(type);
    };
    if (const Json* type = schema.find("type")) {
      if (type->is_string()) {
        add(type->as_string(path));
      } else {
        for (const Json& one : type->as_array(place(path, "type"))) add(one.as_string(place(path, "type")));
      }
      if (all.empty()) refuse(ErrorKind::kBadData, path, "type wanted a type at least, got none");
      const auto integer = std::find(all.begin(), all.end(), "integer");
      if (integer != all.end() && std::find(all.begin(), all.end(), "number") != all.end()) all.erase(integer);
      return all;
    }
    if (has_any(schema, kObjectKeywords)) add("object");
    if (has_any(schema, kArrayKeywords)) add("array");
    if (has_any(schema, kStringKeywords)) add("string");
    if (has_any(schema, kNumberKeywords)) add("number");
    if (all.empty()) all = {"any"};
    return all;
  }

  State of_type(State from, const std::string& type, const Json& schema, const std::string& path) {
    if (type == "object") return object(from, schema, path);
    if (type == "array") return array(from, schema, path);
    if (type == "string") return scalars_.string(from, schema, path);
    if (type == "number" || type == "integer") return scalars_.number(from, type == "integer", schema, path);
    if (type == "null") return text_.word(from, "null");
    if (type == "any") return text_.any_value(from);
    const State to = text_.word(from, "true");
    graph_.edge(text_.word(from, "false"), to);
    return to;
  }

  // ---- arrays and objects
  // --------------------------------------------------------------------------------------------
  State array(State from, const Json& schema, const std::string& path) {
    const std::int64_t least = scalars_.count(schema, "minItems", 0, path);
    const std::int64_t most = scalars_.count(schema, "maxItems", GrammarGraph::kUnlimited, path);
    scalars_.check_order(least, most, "Items", path);
    Json::Array first;
    if (const Json* prefix = schema.find("prefixItems")) first = prefix->as_array(place(path, "prefixItems"));
    const Json any(true);
    const Json* rest = schema.find("items");
    if (rest == nullptr) rest = &any;
    if (rest->is_array()) unsupported(path, "items as a list (prefixItems of Draft 2020-12)");
    const bool more = *rest != Json(false);
    std::optional<std::uint32_t> rest_rule;
    const auto item = [&](State at, std::size_t i) {
      if (i < first.size()) return value(at, first[i], text(path, "/prefixItems/", i));
      if (!rest_rule) rest_rule = new_rule(*rest, path + "/items", false);
      return call(at, *rest_rule);
    };
    // After so many items the array may end, or not; behind all that are counted there may be any number.
    const std::int64_t listed = static_cast<std::int64_t>(first.size());
    std::int64_t counted = most != GrammarGraph::kUnlimited ? most : std::max(least, listed);
    if (!more) counted = std::min(counted, listed);
    if (least > counted) refuse(ErrorKind::kBadData, path, text("minItems wanted at most ", counted, ", got ", least));
    const State begin = text_.open(from, '['), end = graph_.state();
    State at = begin;
    for (std::int64_t i = 0; i < counted; ++i) {
      if (i >= least) graph_.edge(at, end);
      at = item(i > 0 ? text_.comma(at) : at, static_cast<std::size_t>(i));
    }
    graph_.edge(at, end);
    if (more && most == GrammarGraph::kUnlimited) {
      const State loop = graph_.state();
      graph_.edge(item(counted > 0 ? text_.comma(at) : at, first.size()), loop);
      graph_.edge(item(text_.comma(loop), first.size()), loop);
      graph_.edge(loop, end);
    }
    return text_.close(end, ']');
  }

  struct Property {
    std::string name;
    const Json* schema = nullptr;
    bool required = false;
  };

  // In the order of "properties", then those that are only required.
  std::vector<Property> properties(const Json& schema, const Json& more, const std::string& path) const {
    std::vector<Property> all;
    if (const Json* given = schema.find("properties")) {
      for (const auto& [name, own] : given->as_object(place(path, "properties"))) all.push_back({name, &own});
    }
    if (const Json* required = schema.find("required")) {
      std::map<std::string, std::size_t> places;
      for (std::size_t i = 0; i < all.size(); ++i) places.emplace(all[i].name, i);
      for (const Json& json : required->as_array(place(path, "required"))) {
        const std::string& name = json.as_string(place(path, "required"));
        const auto [at, fresh] = places.try_emplace(name, all.size());
        if (fresh) all.push_back({name, &more});
        all[at->second].required = true;
      }
    }
    for (const Property& p : all) {
      if (p.required && *p.schema == Json(false)) {
        refuse(ErrorKind::kBadData, path,
               text("the property ", p.name, " is required, and no value is allowed for it"));
      }
    }
    std::erase_if(all, [](const Property& p) { return *p.schema == Json(false); });
    return all;
  }

  State object(State from, const Json& schema, const std::string& path) {
    const Json open(true), closed(false);
    const Json* given = schema.find("additionalProperties");
    const Json* rest = schema.find("unevaluatedProperties");
    if (rest != nullptr && *rest != closed) unsupported(path, "unevaluatedProperties other than false");
    const Json& more = given != nullptr ? *given : rest != nullptr ? closed : open;
    const std::vector<Property> all = properties(schema, more, path);
    // Objects with named properties have no others, unless this is said.
    const bool extended = more != closed && (given != nullptr || all.empty());
    if (schema.find("minProperties") != nullptr || schema.find("maxProperties") != nullptr) {
      if (!all.empty() || !extended)
        unsupported(path, "minProperties or maxProperties of an object with named properties");
      return counted_object(from, schema, more, path);
    }
    std::optional<State> none = text_.open(from, '{'), some;
    for (const Property& p : all) {
      const State key = graph_.state(), after = graph_.state();
      if (none) graph_.edge(*none, key);
      if (some) graph_.edge(text_.comma(*some), key);
      const State begin = text_.colon(graph_.literal(key, Json(p.name).dump()));
      const std::string own =
          p.schema == &more ? path + "/additionalProperties" : text(path, "/properties/", escaped(p.name));
      graph_.edge(value(begin, *p.schema, own), after);
      if (p.required) {
        none.reset();
      } else if (some) {
        graph_.edge(*some, after);
      }
      some = after;
    }
    const State end = graph_.state();
    if (none) graph_.edge(*none, end);
    if (some) graph_.edge(*some, end);
    if (extended) add_members(none, some, end, all, more, path);
    return text_.close(end, '}');
  }

  // Members with any names, so many of them.
  State counted_object(State from, const Json& schema, const Json& more, const std::string& path) {
    const std::int64_t least = scalars_.count(schema, "minProperties", 0, path);
    const std::int64_t most = scalars_.count(schema, "maxProperties", GrammarGraph::kUnlimited, path);
    scalars_.check_order(least, most, "Properties", path);
    const std::uint32_t rule = new_rule(more, path + "/additionalProperties", false);
    const State begin = text_.open(from, '{'), end = graph_.state();
    const auto member = [&](State at) { return call(text_.colon(text_.any_string(at)), rule); };
    State at = begin;
    const std::int64_t counted = most != GrammarGraph::kUnlimited ? most : std::max<std::int64_t>(least, 1);
    for (std::int64_t i = 0; i < counted; ++i) {
      if (i >= least) graph_.edge(at, end);
      at = member(i > 0 ? text_.comma(at) : at);
    }
    graph_.edge(at, end);
    if (most == GrammarGraph::kUnlimited) graph_.edge(member(text_.comma(at)), at);
    return text_.close(end, '}');
  }

  // Members with other names, any number of them.
  void add_members(std::optional<State> none, std::optional<State> some, State end, const std::vector<Property>& named,
                   const Json& schema, const std::string& path) {
    const State key = graph_.state(), after = graph_.state();
    if (none) graph_.edge(*none, key);
    if (some) graph_.edge(text_.comma(*some), key);
    graph_.edge(text_.comma(after), key);
    std::vector<std::string> names;
    for (const Property& p : named) names.push_back(p.name);
    const State behind =
        names.empty() ? text_.any_string(key) : text_.string_of(key, all_but(names, graph_.limits(), graph_.where()));
    graph_.edge(value(text_.colon(behind), schema, path + "/additionalProperties"), after);
    graph_.edge(after, end);
  }

  const Json& root_;
  GrammarGraph& graph_;
  JsonText text_;
  SchemaScalars scalars_;
  SchemaMerger merger_;
  struct Pending {
    std::uint32_t rule = 0;
    Json schema;
    std::string path;
    bool flat = false;  // has neither "$ref" nor "allOf" any more
  };

  std::map<std::string, std::uint32_t> rules_;  // by reference, or by a schema with one
  std::deque<Pending> pending_;
  std::int64_t depth_ = 0;
};

}  // namespace

std::uint32_t read_json_schema(const Json& schema, GrammarGraph& graph, JsonSpace space) {
  return SchemaWriter(schema, graph, space).run();
}

}  // namespace ttt
