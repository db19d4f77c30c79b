#pragma once

#include <charconv>
#include <concepts>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace ttt {

// Classes of errors that a caller can act on. A command line tool exits with the value.
enum class ErrorKind : int {
  kInternal = 1,     // a defect of this library
  kUsage = 2,        // an invalid argument, option or combination
  kBadData = 3,      // a file or input that contradicts itself or its format
  kIo = 4,           // a file cannot be read or written
  kResources = 5,    // not enough memory or disk
  kUnsupported = 6,  // valid, but not supported by this build
  kPeerLost = 7,     // another rank failed or was lost
};

// The parts of an error as values, so that code that handles it can read some and add others, such as the file.
// The text is "WHERE: [BLOCK] FIELD wanted WANTED, got GOT (NOTE)", without the parts that are empty. `problem`
// replaces "wanted WANTED, got GOT" where other words are needed.
struct ErrorParts {
  std::string where = {};                 // file, option or argument
  std::optional<std::string> block = {};  // path of the block in its model; empty for a block without a model
  std::string field = {};                 // of the file, Spec or weights
  std::string wanted = {}, got = {};
  std::string problem = {};
  std::string note = {};
  bool problem_names_block = false;  // then the text does not repeat it

  std::string text() const;
};

// The one exception type. Messages name the place, what was wanted and what was found:
//   [model.layers.3.self_attn] k_proj.weight wanted [32, 64], got [64, 64]
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : Error(kind, ErrorParts{.problem = message}) {}
  Error(ErrorKind kind, ErrorParts parts);
  ErrorKind kind() const noexcept { return kind_; }
  const ErrorParts& parts() const noexcept { return *parts_; }

 private:
  ErrorKind kind_;
  std::shared_ptr<const ErrorParts> parts_;  // shared: copying an exception must not throw
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
[[noreturn]] void fail(ErrorKind kind, ErrorParts parts);

// Throws Error{kind} with the joined parts unless `ok`.
template <class... Parts>
void require(bool ok, ErrorKind kind, const Parts&... parts) {
  if (!ok) [[unlikely]]
    fail(kind, text(parts...));
}

// Runs `build` and returns what it returns. An Error that leaves it carries the block's path.
template <class Build>
auto in_block(const std::string& path, const Build& build) {
  try {
    return build();
  } catch (const Error& e) {
    if (e.parts().block) throw;
    ErrorParts parts = e.parts();
    parts.block = path;
    parts.problem_names_block = true;
    fail(e.kind(), std::move(parts));
  }
}

}  // namespace ttt
