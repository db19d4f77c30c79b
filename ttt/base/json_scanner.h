#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ttt {

// Reads the tokens of a JSON text (RFC 8259) from front to back: for the reader of documents (json.h), and for readers
// that build no document (headers of a hundred megabytes). Memory is bounded by the longest string, whatever the
// text. Every violation, invalid UTF-8 in a string among them, is Error{kBadData} "WHERE: PLACE N: ...", N the byte.
class JsonScanner {
 public:
  // `json` and `where` must outlive the scanner. `place`: "not JSON at byte", "header byte".
  JsonScanner(std::string_view json, std::string_view where, std::string_view place)
      : s_(json), where_(where), place_(place) {}

  void skip_space() {
    while (at_ < s_.size() && (s_[at_] == ' ' || s_[at_] == '\n' || s_[at_] == '\r' || s_[at_] == '\t')) ++at_;
  }
  bool at_end() const { return at_ == s_.size(); }
  // The next character after white space; '\0' at the end.
  char peek() {
    skip_space();
    return at_end() ? '\0' : s_[at_];
  }
  // Whether the next character, after white space, was this one; then it is consumed.
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    ++at_;
    return true;
  }
  void expect(char c);
  bool take_word(std::string_view word);  // right here
  std::string string();                   // after white space, escapes decoded

  struct Number {
    std::string_view text = {};
    bool is_integer = false;  // neither fraction nor exponent
  };
  Number number();  // after white space
  // Digits only: no sign, fraction, exponent or leading zero, and below 2^63. Nothing was read when it is something
  // else.
  std::optional<std::int64_t> size();

  std::string_view ahead(std::size_t bytes) const { return s_.substr(at_, bytes); }
  [[noreturn]] void refuse(std::string_view problem) const;

 private:
  bool next_is(char c) const { return at_ < s_.size() && s_[at_] == c; }
  std::size_t digits();
  unsigned hex4();
  void escape(std::string& out);
  void unicode_escape(std::string& out);

  std::string_view s_, where_, place_;
  std::size_t at_ = 0;
};

}  // namespace ttt
