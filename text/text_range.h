#pragma once

#include <cstddef>

namespace ttt {

// Bytes [begin, end) of a text.
struct TextRange {
  std::size_t begin = 0, end = 0;
  bool operator==(const TextRange&) const = default;
};

}  // namespace ttt
