#include "embeddings/position.h"

#include <bit>
#include <cmath>

namespace ttt {

std::vector<float> alibi_slopes(const ALiBiSpec& spec, std::int64_t num_heads) {
  const std::int64_t below = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(num_heads)));
  // Powers of a base that is rounded to f32 first, as the widely used implementation takes them.
  const auto slope = [&](std::int64_t i, std::int64_t n) {
    const float base = static_cast<float>(std::exp2(-spec.max_bias / static_cast<double>(n)));
    return static_cast<float>(std::pow(static_cast<double>(base), static_cast<double>(i)));
  };
  std::vector<float> slopes;
  for (std::int64_t h = 0; h < num_heads; ++h) {
    slopes.push_back(h < below ? slope(h + 1, below) : slope(2 * (h - below) + 1, 2 * below));
  }
  return slopes;
}

}  // namespace ttt
