#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Tokens of a Jinja2 template, with its settings trim_blocks and lstrip_blocks: the first newline after a block is
// removed, and so is the white space before a block that begins its line.
namespace ttt::jinja {

struct Token {
  enum class Kind : std::uint8_t {
    kData,           // text between tags
    kBlockBegin,     // {%
    kBlockEnd,       // %}
    kVariableBegin,  // {{
    kVariableEnd,    // }}
    kName,
    kString,  // text: without quotes, escapes resolved
    kInteger,
    kFloat,
    kOperator,  // text: the operator
    kEnd,
  };
  Kind kind = Kind::kEnd;
  std::string text = {};
  std::int64_t line = 1;
};

// Error{kBadData} "WHERE line N: reason" for an invalid template.
std::vector<Token> tokenize(std::string_view source, std::string_view where);

// "WHERE line N: "
std::string at_line(std::string_view where, std::int64_t line);

}  // namespace ttt::jinja
