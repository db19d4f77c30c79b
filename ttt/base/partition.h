#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "base/weights.h"

namespace ttt {

// A rank's part [begin, begin + count) of `total`, cut in whole units (the last unit may be short); the first ranks
// take one unit more where units do not divide. A part may be empty.
struct Part {
  std::int64_t begin = 0, count = 0;
  bool operator==(const Part&) const = default;
};

inline Part part_of(std::int64_t total, std::int64_t unit, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t units = (total + unit - 1) / unit, each = units / ranks, extra = units % ranks;
  const std::int64_t first = rank * each + std::min(rank, extra), mine = each + (rank < extra ? 1 : 0);
  const std::int64_t begin = std::min(first * unit, total);
  return {begin, std::min((first + mine) * unit, total) - begin};
}

// [ranks], how much each rank has.
inline std::vector<std::int64_t> parts_of(std::int64_t total, std::int64_t unit, std::int64_t ranks) {
  std::vector<std::int64_t> parts;
  for (std::int64_t r = 0; r < ranks; ++r) parts.push_back(part_of(total, unit, r, ranks).count);
  return parts;
}

inline std::int64_t sum_of(std::span<const std::int64_t> counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

inline Cut cut_of(int axis, Part part) { return {.axis = axis, .begin = part.begin, .count = part.count}; }

}  // namespace ttt
