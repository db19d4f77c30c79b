#include "checkpoint/header_scanner.h"

#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "checkpoint/printable.h"

namespace ttt {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

HeaderScanner::HeaderScanner(std::string_view json, std::string_view where) : json_(json), where_(where) {
  require(is_utf8(json), ErrorKind::kBadData, where, ": header is not valid UTF-8");
}

void HeaderScanner::refuse(const std::string& problem) const {
  fail(ErrorKind::kBadData, text(where_, ": header byte ", at_, ": ", problem));
}

void HeaderScanner::skip_space() {
  while (at_ < json_.size() && (json_[at_] == ' ' || json_[at_] == '\n' || json_[at_] == '\t' || json_[at_] == '\r')) {
    ++at_;
  }
}

char HeaderScanner::peek() {
  skip_space();
  return at_end() ? '\0' : json_[at_];
}

bool HeaderScanner::take(char c) {
  if (at_ < json_.size() && peek() == c && !at_end()) {
    ++at_;
    return true;
  }
  return false;
}

void HeaderScanner::expect(char c) {
  skip_space();
  if (at_end()) refuse(text("wanted '", c, "', got the end"));
  if (json_[at_] != c) refuse(text("wanted '", c, "', got ", printable(json_.substr(at_, 1))));
  ++at_;
}

char HeaderScanner::next() {
  if (at_end()) refuse("string is not closed");
  return json_[at_++];
}

unsigned HeaderScanner::hex4() {
  unsigned v = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = next();
    const unsigned digit = is_digit(c)              ? static_cast<unsigned>(c - '0')
                           : (c >= 'a' && c <= 'f') ? static_cast<unsigned>(c - 'a' + 10)
                           : (c >= 'A' && c <= 'F') ? static_cast<unsigned>(c - 'A' + 10)
                                                    : 16U;
    if (digit == 16) refuse("\\u wanted four hexadecimal digits");
    v = v * 16 + digit;
  }
  return v;
}

void HeaderScanner::escape(std::string& s) {
  const char c = next();
  constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
  if (const auto i = kFrom.find(c); i != std::string_view::npos) {
    s.push_back(kTo[i]);
    return;
  }
  if (c != 'u') refuse("unknown escape in a string");
  unsigned v = hex4();
  if (v >= 0xD800 && v < 0xDC00) {
    if (next() != '\\' || next() != 'u') refuse("half of a surrogate pair");
    const unsigned low = hex4();
    if (low < 0xDC00 || low > 0xDFFF) refuse("half of a surrogate pair");
    v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
  } else if (v >= 0xDC00 && v < 0xE000) {
    refuse("half of a surrogate pair");
  }
  append_utf8(s, v);
}

std::string HeaderScanner::string() {
  expect('"');
  std::string s;
  for (;;) {
    const char c = next();
    if (c == '"') return s;
    if (static_cast<unsigned char>(c) < 0x20) refuse("control character in a string");
    if (c == '\\') {
      escape(s);
    } else {
      s.push_back(c);
    }
  }
}

std::int64_t HeaderScanner::plain_integer(std::string_view what) {
  skip_space();
  const std::size_t begin = at_;
  while (!at_end() && is_digit(json_[at_])) ++at_;
  const std::string_view digits = json_.substr(begin, at_ - begin);
  const bool more = !at_end() && (json_[at_] == '.' || json_[at_] == 'e' || json_[at_] == 'E');
  if (digits.empty() || more || (digits.size() > 1 && digits.front() == '0')) {
    refuse(text(what, " wanted a non-negative integer, got ", printable(json_.substr(begin, at_ - begin + 8))));
  }
  std::int64_t v = 0;
  const auto r = std::from_chars(digits.data(), digits.data() + digits.size(), v);
  if (r.ec != std::errc{}) refuse(text(what, " overflows: ", printable(digits)));
  return v;
}

}  // namespace ttt
