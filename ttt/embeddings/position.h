#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace ttt {

// Attention without a position rule.
struct NoPosition {
  static constexpr std::string_view kName = "none";
  bool operator==(const NoPosition&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

// Adds slopes[h] * (key's index - query's index) to each score of head h.
//
// Press et al., "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation", 2022.
struct ALiBiSpec {
  static constexpr std::string_view kName = "alibi";
  double max_bias = 8;
  bool operator==(const ALiBiSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("max_bias", self.max_bias); }
};

// 2^(-max_bias (h + 1) / n) for n heads, n a power of two; other counts take every second slope of the next power.
std::vector<float> alibi_slopes(const ALiBiSpec& spec, std::int64_t num_heads);

}  // namespace ttt
