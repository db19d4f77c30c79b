#include "models/smollm3/smollm3.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool attention_bias = false, mlp_bias = false;
  std::vector<bool> rotates = {};  // by layer
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, c.attention_bias);
  if (!c.rotates[static_cast<std::size_t>(i)]) spec.position = NoPosition{};
  return spec;
}

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<RMSNorm, GatedMLP>(
            s, norm_spec(c), attention_spec(c, i),
            {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.mlp_bias})) {}
};

// no_rope_layers has 1 where a layer rotates; where it is silent, one layer of no_rope_layer_interval does not.
std::vector<bool> read_rotates(ConfigReader& config, std::int64_t layers) {
  const std::vector<std::int64_t> listed = config.integers("no_rope_layers", {.max = 1});
  const std::int64_t interval = config.integer("no_rope_layer_interval", 4, {.min = 1});
  if (!listed.empty() && static_cast<std::int64_t>(listed.size()) < layers) {
    config.refuse("no_rope_layers", text("wanted ", layers, " entries (num_hidden_layers), got ", listed.size()));
  }
  std::vector<bool> rotates;
  for (std::int64_t i = 0; i < layers; ++i) {
    rotates.push_back(listed.empty() ? (i + 1) % interval != 0 : listed[static_cast<std::size_t>(i)] == 1);
  }
  return rotates;
}

// Where nothing lists them, layers that do not rotate have the window.
std::vector<std::int64_t> read_smollm3_windows(ConfigReader& config, const std::vector<bool>& rotates) {
  config.ignore("max_window_layers");
  const bool used = config.boolean("use_sliding_window", false);
  const std::int64_t window = read_window(config, 0);
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const auto layers = static_cast<std::int64_t>(rotates.size());
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  std::vector<std::int64_t> windows;
  for (std::size_t i = 0; i < rotates.size(); ++i) {
    const bool windowed = kinds.empty() ? used && !rotates[i] : kinds[i] == "sliding_attention";
    if (!kinds.empty() && windowed && (window == 0 || !used)) {
      config.refuse("layer_types", "has sliding_attention, but use_sliding_window or sliding_window is not set");
    }
    windows.push_back(windowed ? window : 0);
  }
  return windows;
}

// Where the configuration is silent: as SmolLM3Config of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 128256, .hidden = 2048, .layers = 36, .heads = 16, .kv_heads = 4, .tied = true},
       .ffn = 11008,
       .rope = {.theta = 2e6, .max_positions = 32768, .rotates_part = config.has("gguf_architecture")}})};
  c.attention_bias = config.boolean("attention_bias", false);
  c.mlp_bias = config.boolean("mlp_bias", false);
  c.rotates = read_rotates(config, c.layers);
  c.windows = read_smollm3_windows(config, c.rotates);
  config.finish();
  return c;
}

constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kPermutedAttentionTensors, kGatedTensors);
constexpr GgufSpelling kSpellings[] = {{.architecture = "smollm3",
                                        .model_type = "smollm3",
                                        .hf_architecture = "SmolLM3ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete_rms_norm}};

}  // namespace

const Family& smollm3_family() {
  static constexpr std::string_view kModelTypes[] = {"smollm3"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
