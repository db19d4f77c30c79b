#include "text/json_fields.h"

#include "base/utf8.h"

namespace ttt {
namespace {

const Json* present(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found != nullptr && found->is_null() ? nullptr : found;
}

}  // namespace

std::string string_field(const Json& json, std::string_view key, std::string_view where) {
  return json.at(key, where).as_string(text(where, " ", key));
}

std::string string_field(const Json& json, std::string_view key, std::string_view fallback, std::string_view where) {
  const Json* found = present(json, key);
  return found == nullptr ? std::string(fallback) : found->as_string(text(where, " ", key));
}

bool bool_field(const Json& json, std::string_view key, bool fallback, std::string_view where) {
  const Json* found = present(json, key);
  return found == nullptr ? fallback : found->as_bool(text(where, " ", key));
}

std::int64_t integer_field(const Json& json, std::string_view key, std::string_view where) {
  return json.at(key, where).as_integer(text(where, " ", key));
}

std::string character_field(const Json& json, std::string_view key, std::string_view where) {
  std::string c = string_field(json, key, where);
  require(!c.empty() && utf8_step(c.front()) == c.size(), ErrorKind::kBadData, where, " ", key,
          " wanted one character, got \"", c, "\"");
  return c;
}

Pattern pattern_field(const Json& json, std::string_view where) {
  const Json& pattern = json.at("pattern", where);
  if (const Json* regex = pattern.find("Regex")) {
    const std::string& expression = regex->as_string(text(where, " pattern.Regex"));
    return Pattern::for_regex(expression, where);
  }
  const std::string literal = string_field(pattern, "String", text(where, " pattern"));
  require(!literal.empty(), ErrorKind::kUnsupported, where, ": an empty pattern is not supported");
  return Pattern::literal(literal);
}

std::string literal_field(const Json& json, std::string_view where) {
  std::string literal = string_field(json.at("pattern", where), "String", text(where, " pattern"));
  require(!literal.empty(), ErrorKind::kUnsupported, where, ": an empty pattern is not supported");
  return literal;
}

}  // namespace ttt
