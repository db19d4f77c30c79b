#pragma once

#include <charconv>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ttt {

// What went wrong, in the classes a caller can act on. A command line tool exits with the value.
enum class ErrorKind : int {
  kInternal = 1,     // a defect of this library
  kUsage = 2,        // an argument, option or combination that cannot be
  kBadData = 3,      // a file or input that contradicts itself or its format
  kIo = 4,           // cannot read or write
  kResources = 5,    // not enough memory or disk
  kUnsupported = 6,  // valid, but not something this build does
  kPeerLost = 7,     // another rank failed or was lost
};

// The one exception type. Messages say who, what was wanted and what came:
//   [model.layers.3.self_attn] k_proj.weight wanted [32, 64], got [64, 64]
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

namespace text_parts {

inline void append(std::string& s, std::string_view v) { s.append(v); }
inline void append(std::string& s, const char* v) { s.append(v); }
inline void append(std::string& s, const std::string& v) { s.append(v); }
inline void append(std::string& s, char v) { s.push_back(v); }
inline void append(std::string& s, bool v) { s.append(v ? "true" : "false"); }

template <class T>
requires(std::integral<T> || std::floating_point<T>) void append(std::string& s, T v) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v);
  s.append(buffer, end.ptr);
}

}  // namespace text_parts

// Joins its arguments; numbers are written independently of the locale.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::string s;
  (text_parts::append(s, parts), ...);
  return s;
}

[[noreturn]] void fail(ErrorKind kind, const std::string& message);

// Throws Error{kind} with the joined parts unless `ok`.
template <class... Parts>
void require(bool ok, ErrorKind kind, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(kind, text(parts...));
}

}  // namespace ttt
