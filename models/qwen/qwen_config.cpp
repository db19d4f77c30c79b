#include "models/qwen/qwen_config.h"

#include <algorithm>
#include <string>

#include "runtime/rope_config.h"

namespace ttt {
namespace {

// Which layers have a window where the configuration does not list them: each generation has its own rule.
bool windowed_by_default(const std::string& type, std::int64_t layer, std::int64_t max_window_layers) {
  if (type == "qwen3_moe") return true;
  if (type == "qwen2_moe") return layer % 2 == 0 && layer < max_window_layers;
  return layer >= max_window_layers;
}

std::vector<std::int64_t> read_windows(ConfigReader& config, const std::string& type, std::int64_t layers) {
  const bool used = config.boolean("use_sliding_window", false);
  const bool null = config.present("sliding_window") && !config.has("sliding_window");
  const std::int64_t window = null || !used ? 0 : config.integer("sliding_window", 4096, {.min = 1});
  const std::int64_t from = config.integer("max_window_layers", 28);
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool windowed =
        kinds.empty() ? windowed_by_default(type, i, from) : kinds[static_cast<std::size_t>(i)] == "sliding_attention";
    if (windowed && !kinds.empty() && window == 0) {
      config.refuse("layer_types", "has sliding_attention, but use_sliding_window or sliding_window is not set");
    }
    windows.push_back(windowed ? window : 0);
  }
  return windows;
}

std::vector<bool> read_sparse(ConfigReader& config, std::int64_t layers, std::int64_t experts) {
  const std::int64_t step = config.integer("decoder_sparse_step", 1, {.min = 1});
  const std::vector<std::int64_t> dense = config.integers("mlp_only_layers");
  std::vector<bool> sparse;
  for (std::int64_t i = 0; i < layers; ++i) {
    sparse.push_back(experts > 0 && (i + 1) % step == 0 && std::ranges::find(dense, i) == dense.end());
  }
  return sparse;
}

MoESpec read_moe(ConfigReader& config, const QwenConfig& c, bool shared) {
  const char* const count = config.has("num_experts") ? "num_experts" : "num_local_experts";
  MoESpec moe{.hidden_dim = c.hidden, .num_experts = config.integer(count, {.max = kCounts.max})};
  const std::int64_t top_k = config.integer("num_experts_per_tok", kCounts);
  if (moe.num_experts > 0 && top_k > moe.num_experts) {
    config.refuse("num_experts_per_tok", text("wanted at most ", count, " ", moe.num_experts, ", got ", top_k));
  }
  moe.router = {.top_k = top_k, .renormalise = config.boolean("norm_topk_prob", false)};
  moe.expert = {.ffn_dim = config.integer("moe_intermediate_size", kWidths), .activation = c.activation};
  if (shared) {
    const std::int64_t width = config.integer("shared_expert_intermediate_size", kWidths);
    moe.shared = GatedMLPSpec{.hidden_dim = c.hidden, .ffn_dim = width, .activation = c.activation};
    moe.shared_gate = true;
  }
  return moe;
}

}  // namespace

QwenConfig read_qwen_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const std::string type = config.string("model_type");
  const bool third = type.starts_with("qwen3"), experts = type.ends_with("_moe");
  // Where the configuration is silent, heads of the dense third generation are 128 wide.
  QwenConfig c{read_decoder_shape(config, source, type == "qwen3" ? std::optional<std::int64_t>(128) : std::nullopt)};
  c.activation = activation_of(config, "hidden_act", "silu");
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.qk_norm = third;
  c.o_bias = third && config.boolean("attention_bias", false);
  c.qkv_bias = third ? c.o_bias : config.boolean("qkv_bias", true);
  c.rope = rope_spec(config, source, c.head_dim, context);
  c.windows = read_windows(config, type, c.layers);
  c.sparse.assign(static_cast<std::size_t>(c.layers), false);
  if (experts) {
    c.moe = read_moe(config, c, !third);
    c.sparse = read_sparse(config, c.layers, c.moe.num_experts);
  }
  const bool dense = std::ranges::find(c.sparse, false) != c.sparse.end();
  c.ffn = dense ? config.integer("intermediate_size", kWidths) : 0;
  config.has("intermediate_size");  // without dense layers it asks for nothing
  return c;
}

}  // namespace ttt
