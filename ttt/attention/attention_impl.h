#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "kernels/attention/attend.h"
#include "linear/linear.h"

namespace ttt {

// Scores in tiles with a softmax per block of keys: memory does not grow with the sequence.
struct FlashScores {
  static constexpr std::string_view kName = "flash";
  std::int64_t query_block = 60;  // queries x heads that share a tile, 1 to 64
  std::int64_t key_block = 128;   // 1 to 128, counted from row 0 of the sequence
  bool operator==(const FlashScores&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("query_block", self.query_block);
    visit("key_block", self.key_block);
  }
};
using FlashAttentionImplConfig = FlashScores;

// All scores of a query at once, in f32.
struct FullScores {
  static constexpr std::string_view kName = "full";
  bool operator==(const FullScores&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

// All scores of a query at once, in double precision.
struct ReferenceScores {
  static constexpr std::string_view kName = "reference";
  bool operator==(const ReferenceScores&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

using ScoresChoice = std::variant<FlashScores, FullScores, ReferenceScores>;

struct AttentionImplConfig {
  ScoresChoice many = FlashScores{}, one = FlashScores{};  // for sequences with several rows in a step, and with one
  std::optional<Format> qkv = {}, output = {};             // requested weight formats; absent: as stored
  LinearImplConfig linear = {};
  Format state = Format::kF32;

  bool operator==(const AttentionImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("many", self.many);
    visit("one", self.one);
    visit("qkv", self.qkv);
    visit("output", self.output);
    visit("linear", self.linear);
    visit("state", self.state);
  }
};

void set_weight_format(AttentionImplConfig& impl, Format format);  // of all four projections
void set_state_format(AttentionImplConfig& impl, Format format);

}  // namespace ttt
