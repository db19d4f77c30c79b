#include <algorithm>
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

// `pattern`: one layer of so many sees everything; the second generation fixes it, but for GGUF files.
std::vector<std::int64_t> read_windows(ConfigReader& config, std::int64_t layers, std::int64_t pattern, bool fixed) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  if (fixed) config.ignore("sliding_window_pattern");
  const std::int64_t every = fixed ? pattern : config.integer("sliding_window_pattern", pattern, {.min = 1});
  const std::int64_t window = config.integer("sliding_window", 4096, {.min = 1});
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool full = kinds.empty() ? (i + 1) % every == 0 : kinds[static_cast<std::size_t>(i)] == "full_attention";
    windows.push_back(full ? 0 : window);
  }
  return windows;
}

// Of the third generation: parameters by kind of layer; rope_scaling is for the layers that see everything, and the
// windows have a base of their own.
void read_ropes(ConfigReader& config, WeightSource& source, std::int64_t context, bool gguf, GemmaConfig& c) {
  constexpr std::int64_t kPositions = 131072;
  const Json* parameters = config.value("rope_parameters");
  const bool one_for_all = parameters != nullptr && parameters->is_object() &&
                           std::ranges::any_of(parameters->as_object("rope_parameters"), [](const Json::Member& m) {
                             return !m.second.is_object() && !m.second.is_null();
                           });
  require(!one_for_all, ErrorKind::kUnsupported, config.where(),
          ": rope_parameters wanted full_attention and sliding_attention, got one set of parameters");
  c.rope = rope_spec(config, source, c.head_dim, context,
                     {.theta = 1e6,
                      .max_positions = kPositions,
                      .layer_type = "full_attention",
                      .scaling_key = RopeScalingKey::kUpdates,
                      .rotates_part = gguf});
  c.window_rope = rope_spec(config, source, c.head_dim, context,
                            {.theta_key = "rope_local_base_freq",
                             .max_positions = kPositions,
                             .layer_type = "sliding_attention",
                             .scaling_key = RopeScalingKey::kIgnored,
                             .rotates_part = gguf});
}

}  // namespace

GemmaConfig read_gemma_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const bool third = config.string("model_type") == "gemma3_text";
  const bool gguf = config.has("gguf_architecture");
  // Where the configuration is silent: as Gemma2Config and Gemma3TextConfig of transformers.
  GemmaConfig c{read_decoder_shape(config, source,
                                   {.vocab = third ? 262208 : 256000,
                                    .hidden = 2304,
                                    .layers = 26,
                                    .heads = 8,
                                    .kv_heads = 4,
                                    .head_dim = 256,
                                    .tied = true})};
  c.ffn = config.integer("intermediate_size", 9216, kWidths);
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.scale = static_cast<float>(1 / std::sqrt(config.number("query_pre_attn_scalar", 256, kPositive)));
  c.bias = config.boolean("attention_bias", false);
  c.qk_norm = third;
  c.activation = activation_of(config, "hidden_activation", "gelu_pytorch_tanh");
  c.windows = read_windows(config, c.layers, third ? 6 : 2, !third && !gguf);
  if (third) {
    config.ignore("attn_logit_softcapping");  // the reference reads it and does nothing with it
  } else {
    c.score_cap = cap_of(config, "attn_logit_softcapping", 50.0f);
  }
  c.logit_cap = cap_of(config, "final_logit_softcapping", third ? std::nullopt : std::optional(30.0f));
  config.only("use_bidirectional_attention", Json(false));
  if (third) {
    read_ropes(config, source, context, gguf, c);
  } else {
    c.rope = c.window_rope =
        rope_spec(config, source, c.head_dim, context, {.max_positions = 8192, .rotates_part = gguf});
  }
  return c;
}

}  // namespace ttt
