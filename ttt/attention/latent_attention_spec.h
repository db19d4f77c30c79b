#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "attention/attention_impl.h"
#include "embeddings/rotary.h"

namespace ttt {

// Keys and values come from one latent per token; latent_attention.h
struct MultiHeadLatentAttentionSpec {
  std::int64_t hidden_dim = 0, num_heads = 0;
  std::int64_t q_lora_rank = 0;  // 0: queries come from x by one projection
  std::int64_t kv_lora_rank = 0, qk_nope_head_dim = 0, qk_rope_head_dim = 0, v_head_dim = 0;
  float norm_eps = 1e-6f;           // of the norms of latents
  RoPESpec rope = {};               // rotary_dim: qk_rope_head_dim
  std::optional<float> scale = {};  // absent: (nope + rope)^-0.5, times the square of YaRN's mscale_all_dim magnitude
  bool bias = false;                // on the projections from x and on the last one

  bool operator==(const MultiHeadLatentAttentionSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("num_heads", self.num_heads);
    visit("q_lora_rank", self.q_lora_rank);
    visit("kv_lora_rank", self.kv_lora_rank);
    visit("qk_nope_head_dim", self.qk_nope_head_dim);
    visit("qk_rope_head_dim", self.qk_rope_head_dim);
    visit("v_head_dim", self.v_head_dim);
    visit("norm_eps", self.norm_eps);
    visit("rope", self.rope);
    visit("scale", self.scale);
    visit("bias", self.bias);
  }
};

// Queries are projected to the space of latents and results back from it; latents are read in their stored form.
struct AbsorbedLatents {
  static constexpr std::string_view kName = "absorbed";
  bool operator==(const AbsorbedLatents&) const = default;
  static void visit_fields(auto&, auto&&) {}
};
// Keys and values of all stored rows are computed again in every step; memory and time grow with the sequence.
struct NaiveLatents {
  static constexpr std::string_view kName = "naive";
  bool operator==(const NaiveLatents&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

struct MultiHeadLatentAttentionImplConfig {
  std::variant<AbsorbedLatents, NaiveLatents> form = AbsorbedLatents{};
  ScoresChoice many = FlashScores{}, one = FlashScores{};  // as in AttentionImplConfig
  std::optional<Format> qkv = {}, kv_b = {}, output = {};  // requested weight formats; absent: as stored
  LinearImplConfig linear = {};
  Format state = Format::kF32;

  bool operator==(const MultiHeadLatentAttentionImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("form", self.form);
    visit("many", self.many);
    visit("one", self.one);
    visit("qkv", self.qkv);
    visit("kv_b", self.kv_b);
    visit("output", self.output);
    visit("linear", self.linear);
    visit("state", self.state);
  }
};
void set_weight_format(MultiHeadLatentAttentionImplConfig& impl, Format format);
void set_state_format(MultiHeadLatentAttentionImplConfig& impl, Format format);

}  // namespace ttt
