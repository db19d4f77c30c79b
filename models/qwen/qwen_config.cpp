#include "models/qwen/qwen_config.h"

#include <algorithm>
#include <string>

#include "runtime/rope_config.h"

namespace ttt {
namespace {

// What stands for missing keys: the configuration classes of transformers.
struct QwenDefaults {
  DecoderDefaults shape = {};
  std::int64_t ffn = 0, expert_ffn = 0, shared_ffn = 0, experts = 0, top_k = 0;
};

QwenDefaults defaults_of(const std::string& type) {
  constexpr std::int64_t kVocab = 151936;
  if (type == "qwen2_moe") {
    return {.shape = {.vocab = kVocab, .hidden = 2048, .layers = 24, .heads = 16, .kv_heads = 16},
            .ffn = 5632,
            .expert_ffn = 1408,
            .shared_ffn = 5632,
            .experts = 60,
            .top_k = 4};
  }
  if (type == "qwen3_moe") {
    return {.shape = {.vocab = kVocab, .hidden = 2048, .layers = 24, .heads = 32, .kv_heads = 4},
            .ffn = 6144,
            .expert_ffn = 768,
            .experts = 128,
            .top_k = 8};
  }
  QwenDefaults dense{.shape = {.vocab = kVocab, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 32},
                     .ffn = 22016};
  if (type == "qwen3") dense.shape.head_dim = 128;
  return dense;
}

// Which layers have a window where the configuration does not list them: each generation has its own rule.
bool windowed_by_default(const std::string& type, std::int64_t layer, std::int64_t max_window_layers) {
  if (type == "qwen2_moe") return layer % 2 == 0 && layer < max_window_layers;
  return layer >= max_window_layers;
}

std::vector<std::int64_t> read_windows(ConfigReader& config, const std::string& type, std::int64_t layers) {
  const bool used = config.boolean("use_sliding_window", false);
  const bool null = config.present("sliding_window") && !config.has("sliding_window");
  const std::int64_t window = null || !used ? 0 : config.integer("sliding_window", 4096, {.min = 1});
  if (type == "qwen3_moe") {
    for (const char* key : {"max_window_layers", "layer_types"}) config.ignore(key);
    return std::vector<std::int64_t>(static_cast<std::size_t>(layers), window);
  }
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

MoESpec read_moe(ConfigReader& config, const QwenConfig& c, const QwenDefaults& absent) {
  const bool shared = absent.shared_ffn > 0;
  if (shared) config.ignore("num_local_experts");
  const char* const count = shared || config.has("num_experts") ? "num_experts" : "num_local_experts";
  MoESpec moe{.hidden_dim = c.hidden, .num_experts = config.integer(count, absent.experts, {.max = kCounts.max})};
  const std::int64_t top_k = config.integer("num_experts_per_tok", absent.top_k, kCounts);
  if (moe.num_experts > 0 && top_k > moe.num_experts) {
    config.refuse("num_experts_per_tok", text("wanted at most ", count, " ", moe.num_experts, ", got ", top_k));
  }
  moe.router = {.top_k = top_k, .renormalise = config.boolean("norm_topk_prob", false)};
  moe.expert = {.ffn_dim = config.integer("moe_intermediate_size", absent.expert_ffn, kWidths),
                .activation = c.activation};
  if (shared) {
    const std::int64_t width = config.integer("shared_expert_intermediate_size", absent.shared_ffn, kWidths);
    moe.shared = GatedMLPSpec{.hidden_dim = c.hidden, .ffn_dim = width, .activation = c.activation};
    moe.shared_gate = true;
  }
  return moe;
}

// The second generation fixes its biases, but for qkv_bias of the one with experts; llama.cpp takes those that a file
// has.
void read_biases(ConfigReader& config, QwenConfig& c, const std::string& type, bool gguf) {
  if (type.starts_with("qwen3")) {
    c.qkv_bias = c.o_bias = config.boolean("attention_bias", false);
    return;
  }
  gguf ? config.only("attention_bias", Json(false)) : config.ignore("attention_bias");
  c.qkv_bias = true;
  if (gguf || type == "qwen2_moe") {
    c.qkv_bias = config.boolean("qkv_bias", true);
  } else {
    config.ignore("qkv_bias");
  }
}

}  // namespace

QwenConfig read_qwen_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const std::string type = config.string("model_type");
  const bool third = type.starts_with("qwen3"), experts = type.ends_with("_moe");
  const bool gguf = config.has("gguf_architecture");
  const QwenDefaults absent = defaults_of(type);
  QwenConfig c{read_decoder_shape(config, source, absent.shape)};
  c.activation = activation_of(config, "hidden_act", "silu");
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.qk_norm = third;
  read_biases(config, c, type, gguf);
  c.rope = rope_spec(config, source, c.head_dim, context, {.max_positions = 32768, .rotates_part = gguf});
  c.windows = read_windows(config, type, c.layers);
  c.sparse.assign(static_cast<std::size_t>(c.layers), false);
  if (experts) {
    c.moe = read_moe(config, c, absent);
    c.sparse = read_sparse(config, c.layers, c.moe.num_experts);
  }
  const bool dense = std::ranges::find(c.sparse, false) != c.sparse.end();
  c.ffn = dense ? config.integer("intermediate_size", absent.ffn, kWidths) : 0;
  config.has("intermediate_size");  // without dense layers it asks for nothing
  return c;
}

}  // namespace ttt
