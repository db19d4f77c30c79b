#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "base/step.h"
#include "embeddings/position.h"
#include "embeddings/rotary.h"
#include "linear/linear.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// softmax(scale q k^T) v over the visible rows, with heads that share keys and values in groups; attention/attention.h
struct AttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::int64_t value_dim = 0;       // width of a value; 0: head_dim
  std::optional<float> scale = {};  // absent: head_dim^-0.5
  Visible visible = {};             // default: causal
  std::variant<NoPosition, RoPESpec, ALiBiSpec> position = NoPosition{};
  std::optional<float> soft_cap = {};       // scores become cap * tanh(score / cap)
  std::optional<RMSNormSpec> qk_norm = {};  // per head, before the rotation; dim 0: head_dim
  bool q_bias = false, k_bias = false, v_bias = false, o_bias = false;
  bool sinks = false;  // one more score per head, learned, without a value

  bool operator==(const AttentionSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("num_heads", self.num_heads);
    visit("num_kv_heads", self.num_kv_heads);
    visit("head_dim", self.head_dim);
    visit("value_dim", self.value_dim);
    visit("scale", self.scale);
    visit("visible", self.visible);
    visit("position", self.position);
    visit("soft_cap", self.soft_cap);
    visit("qk_norm", self.qk_norm);
    visit("q_bias", self.q_bias);
    visit("k_bias", self.k_bias);
    visit("v_bias", self.v_bias);
    visit("o_bias", self.o_bias);
    visit("sinks", self.sinks);
  }
};

// Every head has its own keys and values. Converting checks: Error{kUsage}.
struct MultiHeadAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, head_dim = 0;  // head_dim 0: hidden_dim / num_heads
  std::variant<NoPosition, RoPESpec, ALiBiSpec> position = NoPosition{};
  bool causal = true;
  operator AttentionSpec() const;
};

// Fewer KV heads than heads; refuses what is not grouped.
struct GroupedQueryAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::variant<NoPosition, RoPESpec, ALiBiSpec> position = NoPosition{};
  operator AttentionSpec() const;
};

// A query sees the last `window` rows, its own included, and the first `global_tokens` rows.
struct SlidingWindowAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0, window = 0, global_tokens = 0;
  std::variant<NoPosition, RoPESpec, ALiBiSpec> position = NoPosition{};
  operator AttentionSpec() const;
};

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
  std::optional<Format> qkv = {}, output = {};             // asked of the weights; absent: as stored
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
