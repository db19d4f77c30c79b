#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace ttt {

// White space around the parts of an answer that marks separate.
inline constexpr std::string_view kBlank = " \t\r\n";

// How many bytes at the end of `text` could be the begin of `mark`, which is not empty.
inline std::size_t begun_mark(std::string_view text, std::string_view mark) {
  for (std::size_t n = std::min(text.size(), mark.size() - 1); n > 0; --n) {
    if (mark.starts_with(text.substr(text.size() - n))) return n;
  }
  return 0;
}

}  // namespace ttt
