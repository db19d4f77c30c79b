#pragma once

#include <string>
#include <string_view>

namespace ttt {

// Converts bytes that arrive in pieces to valid UTF-8. Every maximal prefix of a character that is not continued, and
// every byte that cannot start one, becomes one U+FFFD (The Unicode Standard, 3.9; Python's errors="replace").
class Utf8Filter {
 public:
  // Appends what is certain; an unfinished character of at most three bytes waits for the next call.
  void push(std::string_view bytes, std::string& out);
  // Appends one U+FFFD when a character is unfinished. The filter can then be used again.
  void finish(std::string& out);

 private:
  std::string pending_;
};

// `bytes` as valid UTF-8, replaced as above.
std::string valid_utf8(std::string_view bytes);
// Bytes at the end that start a character without finishing it: 0 to 3.
std::size_t unfinished_utf8(std::string_view bytes);

}  // namespace ttt
