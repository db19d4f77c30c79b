#include "base/json_scanner.h"

#include <charconv>
#include <system_error>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {

void JsonScanner::refuse(std::string_view problem) const {
  fail(ErrorKind::kBadData, text(where_, ": ", place_, " ", at_, ": ", problem));
}

void JsonScanner::expect(char c) {
  if (!take(c)) refuse(text("wanted '", c, at_end() ? "', got the end" : "'"));
}

bool JsonScanner::take_word(std::string_view word) {
  if (ahead(word.size()) != word) return false;
  at_ += word.size();
  return true;
}

std::size_t JsonScanner::digits() {
  const std::size_t from = at_;
  while (at_ < s_.size() && s_[at_] >= '0' && s_[at_] <= '9') ++at_;
  return at_ - from;
}

JsonScanner::Number JsonScanner::number() {
  skip_space();
  const std::size_t start = at_;
  if (next_is('-')) ++at_;
  const std::size_t first = at_;
  const std::size_t whole = digits();
  if (whole == 0) refuse("wanted a value");
  if (whole > 1 && s_[first] == '0') refuse("a number starts with 0");
  Number n{.is_integer = true};
  if (next_is('.')) {
    n.is_integer = false;
    ++at_;
    if (digits() == 0) refuse("wanted a digit");
  }
  if (next_is('e') || next_is('E')) {
    n.is_integer = false;
    ++at_;
    if (next_is('+') || next_is('-')) ++at_;
    if (digits() == 0) refuse("wanted a digit");
  }
  n.text = s_.substr(start, at_ - start);
  return n;
}

std::optional<std::int64_t> JsonScanner::size() {
  skip_space();
  const std::size_t start = at_, count = digits();
  const std::string_view token = s_.substr(start, count);
  const bool more = next_is('.') || next_is('e') || next_is('E');
  std::int64_t v = 0;
  const bool plain = count > 0 && !more && (count == 1 || token.front() != '0');
  if (plain && std::from_chars(token.data(), token.data() + count, v).ec == std::errc{}) return v;
  at_ = start;
  return std::nullopt;
}

unsigned JsonScanner::hex4() {
  unsigned v = 0;
  const std::string_view token = ahead(4);
  const auto read = std::from_chars(token.data(), token.data() + token.size(), v, 16);
  if (token.size() != 4 || read.ptr != token.data() + 4) refuse("wanted four hexadecimal digits");
  at_ += 4;
  return v;
}

void JsonScanner::unicode_escape(std::string& out) {
  char32_t c = hex4();
  if (c >= 0xDC00 && c < 0xE000) refuse("a low surrogate without its high one");
  if (c >= 0xD800 && c < 0xDC00) {
    if (!take_word("\\u")) refuse("a high surrogate without its low one");
    const char32_t low = hex4();
    if (low < 0xDC00 || low >= 0xE000) refuse("a high surrogate without its low one");
    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
  }
  append_utf8(out, c);
}

void JsonScanner::escape(std::string& out) {
  constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  if (at_end()) refuse("unfinished string");
  const char c = s_[at_];
  if (const std::size_t i = kFrom.find(c); i != std::string_view::npos) {
    out.push_back(kTo[i]);
    ++at_;
    return;
  }
  if (c != 'u') refuse("unknown escape");
  ++at_;
  unicode_escape(out);
}

std::string JsonScanner::string() {
  expect('"');
  std::string out;
  for (;;) {
    const std::size_t from = at_;
    while (at_ < s_.size()) {
      const auto c = static_cast<unsigned char>(s_[at_]);
      if (c == '"' || c == '\\' || c < 0x20) break;
      const std::size_t length = c < 0x80 ? 1 : utf8_length(ahead(4));
      if (length == 0) refuse("invalid UTF-8");
      at_ += length;
    }
    out.append(s_, from, at_ - from);
    if (at_end()) refuse("unfinished string");
    if (next_is('"')) {
      ++at_;
      return out;
    }
    if (!next_is('\\')) refuse("a control character in a string");
    ++at_;
    escape(out);
  }
}

}  // namespace ttt
