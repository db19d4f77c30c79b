#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/packed_numbers.h"

namespace ttt {

// A number for each code point, from a packed table of ranges (text/unicode_tables.h).
class RangeTable {
 public:
  explicit RangeTable(std::string_view packed) {
    for_each_range(packed, [&](char32_t begin, char32_t, std::uint32_t value) { ranges_.push_back({begin, value}); });
  }

  std::uint32_t operator()(char32_t c) const {
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                        [](char32_t point, const Range& range) { return point < range.begin; });
    return (after - 1)->value;  // the first range begins at 0
  }

 private:
  struct Range {
    char32_t begin;
    std::uint32_t value;
  };
  std::vector<Range> ranges_;
};

}  // namespace ttt
