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

std::vector<std::int64_t> read_windows(ConfigReader& config, std::int64_t layers, std::int64_t pattern) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  const std::int64_t every = config.integer("sliding_window_pattern", pattern, {.min = 1});
  const std::int64_t window = config.integer("sliding_window", 4096, {.min = 1});
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool full = kinds.empty() ? (i + 1) % every == 0 : kinds[static_cast<std::size_t>(i)] == "full_attention";
    windows.push_back(full ? 0 : window);
  }
  return windows;
}

// Parameters by kind of layer, or one set of them with another base for the windows.
RoPESpec read_window_rope(ConfigReader& config, WeightSource& source, std::int64_t head_dim, std::int64_t context) {
  constexpr double kBase = 10000.0;
  const Json* parameters = config.value("rope_parameters");
  if (parameters != nullptr && parameters->is_object() && parameters->find("sliding_attention") != nullptr) {
    return rope_spec(config, source, head_dim, context, kBase, "sliding_attention");
  }
  return {.rotary_dim = head_dim, .base = config.number("rope_local_base_freq", kBase, kPositive), .context = context};
}

}  // namespace

GemmaConfig read_gemma_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const bool third = config.string("model_type") == "gemma3_text";
  constexpr std::int64_t kHeadDim = 256;
  GemmaConfig c{read_decoder_shape(config, source, kHeadDim)};
  c.ffn = config.integer("intermediate_size", kWidths);
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.scale = static_cast<float>(1 / std::sqrt(config.number("query_pre_attn_scalar", 256, kPositive)));
  c.bias = config.boolean("attention_bias", false);
  c.qk_norm = third;
  c.activation = activation_of(config, "hidden_activation", "gelu_pytorch_tanh");
  c.windows = read_windows(config, c.layers, third ? 6 : 2);
  if (!third) c.score_cap = cap_of(config, "attn_logit_softcapping", 50.0f);
  c.logit_cap = cap_of(config, "final_logit_softcapping", third ? std::nullopt : std::optional(30.0f));
  c.rope = rope_spec(config, source, c.head_dim, context, third ? 1e6 : 1e4, "full_attention");
  c.window_rope = third ? read_window_rope(config, source, c.head_dim, context) : c.rope;
  return c;
}

}  // namespace ttt
