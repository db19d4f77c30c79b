#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex.h"

namespace ttt {

// A regular expression that is read from left to right.
class RegexSource {
 public:
  RegexSource(std::string_view expression, std::string_view where) : s_(expression), where_(where) {}

  // Error{kUnsupported} that quotes the expression and names the place.
  [[noreturn]] void refuse(std::string_view problem) const {
    fail(ErrorKind::kUnsupported,
         text(where_, ": the regular expression \"", s_, "\" is not supported: ", problem, " at byte ", at_));
  }

  std::string_view rest() const { return s_.substr(at_); }
  bool at_end() const { return at_ >= s_.size(); }
  bool starts(std::string_view what) const { return rest().starts_with(what); }
  void skip(std::size_t bytes) { at_ = std::min(at_ + bytes, s_.size()); }
  bool take(std::string_view what) {
    if (!starts(what)) return false;
    skip(what.size());
    return true;
  }
  char32_t character() {
    if (at_end()) refuse("a character is missing");
    const char32_t c = utf8_decode(s_.data() + at_);
    skip(utf8_step(s_[at_]));
    return c;
  }

  // Around a group or a character class.
  void enter() {
    if (++depth_ > Regex::kDeepest) refuse(text("more than ", Regex::kDeepest, " nested groups"));
  }
  void leave() { --depth_; }

 private:
  std::string_view s_, where_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace ttt
