#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "collectives/self.h"
#include "support/model.h"

// The tiny checkpoints of tests/golden/families (tools/make_family_golden.py): what is in a folder, and how models run
// on it.
namespace ttt::family_tests {

inline constexpr std::int64_t kShort = 16;    // rows of the short prompt, all of whose logits are known
inline constexpr std::int64_t kGreedy = 128;  // tokens known to follow it
inline constexpr std::int64_t kContext = kShort + kGreedy;
// Of the range of the logits: f32 on both sides, sums of at most 192 products over some thirty operations in a row.
inline constexpr double kTolerance = 1e-4;

struct FamilyCase {
  std::string name = {};  // "mistral/window"
  std::filesystem::path directory = {};
  std::vector<std::int32_t> ids = {};     // as many as the longest prompt has
  std::vector<std::int32_t> greedy = {};  // [kGreedy]
  std::vector<float> logits = {};         // [kShort + longer prompts, vocab]
  // [mixtures, kShort + kGreedy - 1, chosen], each row's in ascending order; empty without mixtures of experts
  std::vector<std::int32_t> experts = {};
  std::int64_t vocab = 0;

  std::vector<std::int64_t> longer_prompts() const;  // their lengths
  std::span<const float> short_logits() const { return std::span(logits).first(kShort * vocab); }
  std::span<const float> last_logits(std::size_t longer_prompt) const;
  double range() const;  // of all logits
};

// The folders that there are, "FAMILY/VARIANT", in order.
const std::vector<std::string>& case_names();
std::vector<std::string> case_names_with_gguf();
std::vector<std::string> case_names_with_experts();
FamilyCase read_case(const std::string& name);

inline std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

// f32 weights, activations and state.
inline LoadOptions exact() { return {.weight_format = Format::kF32, .state_format = Format::kF32}; }

}  // namespace ttt::family_tests
