#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ttt {

// Reads JSON front to back without building a document: memory stays bounded however the text is shaped. Every
// violation is Error{kBadData} "WHERE: header byte N: ...".
class HeaderScanner {
 public:
  HeaderScanner(std::string_view json, std::string_view where);

  void skip_space();
  bool at_end() const { return at_ == json_.size(); }
  char peek();          // the next character after white space; '\0' at the end
  void expect(char c);  // after white space
  bool take(char c);    // whether it came, after white space
  std::string string();
  // Digits only: no sign, fraction, exponent or leading zero. `what` names the value in errors.
  std::int64_t plain_integer(std::string_view what);
  [[noreturn]] void refuse(const std::string& problem) const;

 private:
  char next();
  unsigned hex4();
  void escape(std::string& s);
  std::string_view json_, where_;
  std::size_t at_ = 0;
};

}  // namespace ttt
