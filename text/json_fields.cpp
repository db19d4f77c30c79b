#include "text/json_fields.h"

namespace ttt {
namespace {

const Json* present(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  return found != nullptr && found->is_null() ? nullptr : found;
}

std::string quoted(std::string_view s) {
  constexpr std::size_t kLongest = 400;
  return text('"', s.substr(0, kLongest), s.size() > kLongest ? "...\"" : "\"");
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
  const Json& pattern = json.at("pattern", where);
  if (const Json* regex = pattern.find("Regex")) {
    const std::string& expression = regex->as_string(text(where, " pattern.Regex"));
    // A letter-only or single-space expression means itself.
    const bool plain = expression == " " || expression == "\xE2\x96\x81";
    require(plain, ErrorKind::kUnsupported, where, ": the regular expression ", quoted(expression),
            " is not supported here");
    return expression;
  }
  const std::string literal = string_field(pattern, "String", text(where, " pattern"));
  require(!literal.empty(), ErrorKind::kUnsupported, where, ": an empty pattern is not supported");
  return literal;
}

}  // namespace ttt
