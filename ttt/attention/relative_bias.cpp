#include "attention/relative_bias.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace ttt {

void validate(const RelativeBiasSpec& s, std::string_view where) {
  const std::int64_t sides = s.bidirectional ? 2 : 1;
  require(s.num_buckets >= 2 * sides && s.num_buckets % sides == 0, ErrorKind::kUsage, where,
          ".num_buckets wanted an even number of at least ", 2 * sides, ", got ", s.num_buckets);
  require(s.max_distance > s.num_buckets / sides / 2 && s.max_distance <= INT32_MAX / 4, ErrorKind::kUsage, where,
          ".max_distance wanted more than ", s.num_buckets / sides / 2, ", got ", s.max_distance);
}

std::vector<std::int32_t> relative_buckets(const RelativeBiasSpec& s) {
  const std::int64_t side = s.bidirectional ? s.num_buckets / 2 : s.num_buckets, exact = side / 2;
  // Rounded step by step in f32, as the usual formulation does.
  const float range = static_cast<float>(std::log(static_cast<double>(s.max_distance) / static_cast<double>(exact)));
  const auto bucket = [&](std::int64_t distance) {
    if (distance < exact) return distance;
    const float share = std::log(static_cast<float>(distance) / static_cast<float>(exact)) / range;
    return std::min(side - 1, exact + static_cast<std::int64_t>(share * static_cast<float>(side - exact)));
  };
  std::vector<std::int32_t> buckets;
  for (std::int64_t d = -s.max_distance; d <= s.max_distance; ++d) {
    const std::int64_t ahead = s.bidirectional ? side + bucket(d) : 0;
    buckets.push_back(static_cast<std::int32_t>(d > 0 ? ahead : bucket(-d)));
  }
  return buckets;
}

}  // namespace ttt
