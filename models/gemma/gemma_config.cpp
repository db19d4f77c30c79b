#include <cmath>

#include "models/gemma/gemma.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

constexpr NumberRange kPositive{.min = 0, .above_min = true};

std::optional<float> cap_of(ConfigReader& config, std::string_view key, std::optional<float> absent) {
  const auto cap = config.optional_number(key, kPositive);
  if (cap) return static_cast<float>(*cap);
  return config.present(key) ? std::nullopt : absent;
}

// Of the third generation: parameters by kind of layer; rope_scaling is for the layers that see everything, and the
// windows have a base of their own.
RopeDefaults rope_defaults(bool third, bool windowed, bool gguf) {
  if (!third) return {.max_positions = 8192, .rotates_part = gguf};
  return {.theta = windowed ? 1e4 : 1e6,
          .theta_key = windowed ? "rope_local_base_freq" : "rope_theta",
          .max_positions = 131072,
          .layer_type = windowed ? "sliding_attention" : "full_attention",
          .scaling_key = windowed ? RopeScalingKey::kIgnored : RopeScalingKey::kUpdates,
          .rotates_part = gguf};
}

}  // namespace

GemmaConfig read_gemma_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const bool third = config.string("model_type") == "gemma3_text";
  const bool gguf = config.has("gguf_architecture");
  if (third) require_rope_by_layer(config);
  // Where the configuration is silent: as Gemma2Config and Gemma3TextConfig of transformers.
  GemmaConfig c{read_decoder_config(config, source, context,
                                    {.shape = {.vocab = third ? 262208 : 256000,
                                               .hidden = 2304,
                                               .layers = 26,
                                               .heads = 8,
                                               .kv_heads = 4,
                                               .head_dim = 256,
                                               .tied = true},
                                     .ffn = 9216,
                                     .activation_key = "hidden_activation",
                                     .activation = "gelu_pytorch_tanh",
                                     .rope = rope_defaults(third, false, gguf)})};
  c.window_rope = rope_spec(config, source, c.head_dim, context, rope_defaults(third, true, gguf));
  c.scale = static_cast<float>(1 / std::sqrt(config.number("query_pre_attn_scalar", 256, kPositive)));
  c.bias = config.boolean("attention_bias", false);
  c.qk_norm = third;
  // One layer of so many sees everything; the second generation fixes it, but for GGUF files.
  const bool fixed = !third && !gguf;
  if (fixed) config.ignore("sliding_window_pattern");
  const std::int64_t every = fixed ? 2 : config.integer("sliding_window_pattern", third ? 6 : 2, {.min = 1});
  c.windows = read_windows(config, c.layers, config.integer("sliding_window", 4096, {.min = 1}), every);
  if (third) {
    config.ignore("attn_logit_softcapping");  // the reference reads it and does nothing with it
  } else {
    c.score_cap = cap_of(config, "attn_logit_softcapping", 50.0f);
  }
  c.logit_cap = cap_of(config, "final_logit_softcapping", third ? std::nullopt : std::optional(30.0f));
  config.only("use_bidirectional_attention", Json(false));
  return c;
}

}  // namespace ttt
