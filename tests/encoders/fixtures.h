#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "support/model.h"
#include "support/npy.h"
#include "testing/metrics.h"

namespace ttt::encoders {

using support::TestModel;
using Ids = std::vector<std::int32_t>;
using Floats = std::vector<float>;

// Weights are bf16 as stored and taken in f32; sums of at most 192 products over some twenty operations in a row.
inline constexpr double kTolerance = 2e-5;

inline std::filesystem::path folder(const std::string& name) {
  return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/encoders" / name;
}
inline Ids ids_in(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? support::read_npy_of<std::int32_t>(file, "<i4") : Ids{};
}
inline LoadOptions exact() { return {.weight_format = Format::kF32, .state_format = Format::kF32}; }

inline double error_of_range(const Floats& wanted, const Floats& got) {
  EXPECT_EQ(wanted.size(), got.size());
  if (wanted.size() != got.size()) return 1e9;
  const auto [least, most] = std::ranges::minmax(wanted);
  const float range = std::max({most - least, most, -least});  // a single class has no range of its own
  return max_abs_error(wanted, got) / static_cast<double>(range);
}

inline std::vector<std::int64_t> every(std::int64_t step, std::int64_t rows, std::int64_t begin = 0) {
  std::vector<std::int64_t> wanted;
  for (std::int64_t r = 0; r < rows; r += step) wanted.push_back(begin + r);
  return wanted;
}

}  // namespace ttt::encoders
