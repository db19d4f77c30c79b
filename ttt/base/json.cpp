#include "base/json.h"

#include <charconv>
#include <cmath>

#include "base/utf8.h"

namespace ttt {
namespace {

void dump_string(std::string& out, std::string_view s) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t length = utf8_length(s.substr(i, 4));
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
      continue;
    }
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(s[i]);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20) {
      out += "\\u00";
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    } else {
      out.append(s, i, length);
    }
    i += length;
  }
  out.push_back('"');
}

// The shortest digits that read back, laid out as Python's repr.
void dump_double(std::string& out, double v) {
  if (std::isnan(v)) {
    out += "NaN";
    return;
  }
  if (std::isinf(v)) {
    out += v < 0 ? "-Infinity" : "Infinity";
    return;
  }
  char buffer[64];
  const double magnitude = std::fabs(v);
  const bool fixed = v == 0 || (magnitude >= 1e-4 && magnitude < 1e16);
  const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v, format);
  const std::string_view token(buffer, static_cast<std::size_t>(end.ptr - buffer));
  out += token;
  if (fixed && token.find('.') == std::string_view::npos) out += ".0";
}

void new_line(std::string& out, int indent, int level) {
  out.push_back('\n');
  out.append(static_cast<std::size_t>(indent) * static_cast<std::size_t>(level), ' ');
}

// Writes the items between `open` and `close`; write(item) writes one.
template <class Items, class Write>
void dump_items(std::string& out, const Items& items, char open, char close, int indent, int level, Write write) {
  out.push_back(open);
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += indent < 0 ? ", " : ",";
    first = false;
    if (indent >= 0) new_line(out, indent, level + 1);
    write(item);
  }
  if (indent >= 0 && !items.empty()) new_line(out, indent, level);
  out.push_back(close);
}

void dump_value(std::string& out, const Json& v, int indent, int level) {
  if (v.is_null()) {
    out += "null";
  } else if (v.is_bool()) {
    out += v.as_bool("") ? "true" : "false";
  } else if (v.is_integer()) {
    out += text(v.as_integer(""));
  } else if (v.is_number()) {
    dump_double(out, v.as_number(""));
  } else if (v.is_string()) {
    dump_string(out, v.as_string(""));
  } else if (v.is_array()) {
    dump_items(out, v.as_array(""), '[', ']', indent, level,
               [&](const Json& item) { dump_value(out, item, indent, level + 1); });
  } else {
    dump_items(out, v.as_object(""), '{', '}', indent, level, [&](const Json::Member& member) {
      dump_string(out, member.first);
      out += ": ";
      dump_value(out, member.second, indent, level + 1);
    });
  }
}

[[noreturn]] void wrong_type(std::string_view where, std::string_view wanted, const Json& got) {
  fail(ErrorKind::kBadData,
       {.field = std::string(where), .wanted = std::string(wanted), .got = std::string(got.type_name())});
}

}  // namespace

// What can fail is done before this value changes.
Json::Json(const Json& other) {
  std::visit(
      [this](const auto& v) {
        auto copy = v;
        value_ = std::move(copy);
      },
      other.value_);
}

Json& Json::operator=(const Json& other) {
  Json copy(other);
  value_ = std::move(copy.value_);
  return *this;
}

bool Json::as_bool(std::string_view where) const {
  if (const bool* v = std::get_if<bool>(&value_)) return *v;
  wrong_type(where, "bool", *this);
}

std::int64_t Json::as_integer(std::string_view where) const {
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return *v;
  if (const auto* v = std::get_if<double>(&value_)) {
    constexpr double kBound = 9223372036854775808.0;
    if (*v >= -kBound && *v < kBound && std::trunc(*v) == *v) return static_cast<std::int64_t>(*v);
    fail(ErrorKind::kBadData, {.field = std::string(where), .wanted = "integer", .got = dump()});
  }
  wrong_type(where, "integer", *this);
}

double Json::as_number(std::string_view where) const {
  if (const auto* v = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<double>(&value_)) return *v;
  wrong_type(where, "number", *this);
}

const std::string& Json::as_string(std::string_view where) const {
  if (const auto* v = std::get_if<std::string>(&value_)) return *v;
  wrong_type(where, "string", *this);
}

const Json::Array& Json::as_array(std::string_view where) const {
  if (const auto* v = std::get_if<Array>(&value_)) return *v;
  wrong_type(where, "array", *this);
}

const Json::Object& Json::as_object(std::string_view where) const {
  if (const auto* v = std::get_if<Object>(&value_)) return *v;
  wrong_type(where, "object", *this);
}

const Json* Json::find(std::string_view key) const {
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  for (const auto& [name, value] : *members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const Json& Json::at(std::string_view key, std::string_view where) const {
  as_object(where);
  const Json* found = find(key);
  require(found != nullptr, ErrorKind::kBadData, where, " lacks \"", key, "\"");
  return *found;
}

void Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) wrong_type("Json::set", "object", *this);
  for (auto& [name, old] : *members) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  members->emplace_back(std::string(key), std::move(value));
}

void Json::push(Json value) {
  if (is_null()) value_ = Array{};
  auto* items = std::get_if<Array>(&value_);
  if (items == nullptr) wrong_type("Json::push", "array", *this);
  items->push_back(std::move(value));
}

std::string_view Json::type_name() const {
  constexpr std::string_view kNames[] = {"null", "bool", "integer", "number", "string", "array", "object"};
  return kNames[value_.index()];
}

std::string Json::dump(int indent) const {
  std::string out;
  dump_value(out, *this, indent, 0);
  return out;
}

}  // namespace ttt
