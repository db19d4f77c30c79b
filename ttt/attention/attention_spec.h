#pragma once

#include <cstdint>
#include <optional>

#include "attention/relative_bias.h"
#include "base/context.h"
#include "base/step.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// Queries at position p are multiplied by 1 + scale * log(1 + floor((p + offset) / floor_scale)).
struct TemperatureSpec {
  float scale = 0.1f;
  std::int64_t floor_scale = 8192, offset = 1;

  bool operator==(const TemperatureSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("scale", self.scale);
    visit("floor_scale", self.floor_scale);
    visit("offset", self.offset);
  }
};

// softmax(scale q k^T) v over the visible rows, with heads that share keys and values in groups; attention/attention.h
struct AttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::int64_t value_dim = 0;       // width of a value; 0: head_dim
  std::optional<float> scale = {};  // absent: head_dim^-0.5
  Visible visible = {};             // default: causal
  PositionRule position = NoPosition{};
  std::optional<float> soft_cap = {};       // scores become cap * tanh(score / cap)
  std::optional<RMSNormSpec> qk_norm = {};  // per head, before the rotation; not affine: an L2 norm; dim 0: head_dim
  bool qk_norm_whole = false;               // qk_norm over the values of all heads at once
  std::optional<LayerNormSpec> qk_layer_norm = {};  // in place of qk_norm; every head has gains of its own, and no bias
  bool qk_layer_norm_shared = false;                // one gain for all heads, and a bias where the norm has one
  std::optional<float> qkv_clip = {};               // q, k and v, after their norms, are limited to [-clip, clip]
  std::optional<RMSNormSpec> v_norm = {};           // per head; dim 0: value_dim
  std::optional<TemperatureSpec> temperature = {};
  bool q_bias = false, k_bias = false, v_bias = false, o_bias = false;
  bool shares_rows = false;              // keys and values are those of an earlier layer: StateSpec::shared_slot
  bool gate = false, gate_bias = false;  // heads' results are multiplied by the sigmoid of one more projection of x
  bool sinks = false;                    // one more score per head, learned, without a value

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
    visit("qk_norm_whole", self.qk_norm_whole);
    visit("qk_layer_norm", self.qk_layer_norm);
    visit("qk_layer_norm_shared", self.qk_layer_norm_shared);
    visit("qkv_clip", self.qkv_clip);
    visit("v_norm", self.v_norm);
    visit("temperature", self.temperature);
    visit("q_bias", self.q_bias);
    visit("k_bias", self.k_bias);
    visit("v_bias", self.v_bias);
    visit("o_bias", self.o_bias);
    visit("shares_rows", self.shares_rows);
    visit("gate", self.gate);
    visit("gate_bias", self.gate_bias);
    visit("sinks", self.sinks);
  }
};

std::int64_t value_width(const AttentionSpec& spec);  // of a value: value_dim or head_dim
void validate(const AttentionSpec& spec, const Context& context);

// Three of its kinds by name. Converting checks: Error{kUsage}. head_dim 0: hidden_dim / num_heads.

// Every head has its own keys and values.
struct MultiHeadAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, head_dim = 0;
  PositionRule position = NoPosition{};
  bool causal = true;
  operator AttentionSpec() const;
};

// Fewer KV heads than heads; refuses what is not grouped.
struct GroupedQueryAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0;
  PositionRule position = NoPosition{};
  operator AttentionSpec() const;
};

// A query sees the last `window` rows, its own included, and the first `global_tokens` rows.
struct SlidingWindowAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0, num_kv_heads = 0, head_dim = 0, window = 0, global_tokens = 0;
  PositionRule position = NoPosition{};
  operator AttentionSpec() const;
};

}  // namespace ttt
