#include "models/exaone4/exaone4.h"

#include "base/json.h"
#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool windowed = false;  // whether sliding_window is set: layers without a window do not rotate then
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(static_cast<const DecoderConfig&>(c), i);
  if (c.windowed && c.windows[static_cast<std::size_t>(i)] == 0) spec.position = NoPosition{};
  spec.qk_norm = RMSNormSpec{.eps = c.eps};
  return spec;
}

struct Layer : PostNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PostNormLayer{
            make<Attention>(s / "self_attn", attention_spec(c, i)),
            make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
            make<GatedMLP>(s / "mlp",
                           GatedMLPSpec{.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation}),
            make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))} {}
};

// Where the configuration is silent: as Exaone4Config of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  const bool gguf = config.has("gguf_architecture");
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 102400, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 32, .tied = false},
       .ffn = 16384,
       .eps = 1e-5,
       .rope = {.max_positions = 2048, .rotates_part = gguf}})};
  const std::int64_t window = read_window(config, 4096);
  c.windowed = window > 0;
  const bool listed = config.has("layer_types");
  if (listed) config.ignore("sliding_window_pattern");
  // A GGUF file without windows lists no layers; the class needs a list there.
  if (!listed && !c.windowed && !gguf)
    config.refuse("layer_types", "wanted a list where sliding_window is null, got none");
  const std::int64_t every = listed || !c.windowed ? 0 : config.integer("sliding_window_pattern", 4, {.min = 1});
  c.windows = read_windows(config, c.layers, window, every);
  config.finish();
  return c;
}

constexpr std::array kOwnTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight"},
    GgufTensor{"blk.{}.post_ffw_norm.weight", "model.layers.{}.post_feedforward_layernorm.weight"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kWindowKeys);
constexpr auto kTensors =
    join(kEmbeddingTensors, kAttentionTensors<>, kQkNormTensors, kPostAttentionNormTensor, kGatedTensors, kOwnTensors);
constexpr GgufSpelling kSpellings[] = {{.architecture = "exaone4",
                                        .model_type = "exaone4",
                                        .hf_architecture = "Exaone4ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = [](const GgufFile& file, Json& config) {
                                          complete_rms_norm(file, config);
                                          complete_windows(config);
                                          if (config.find("sliding_window") == nullptr)
                                            config.set("sliding_window", Json());
                                        }}};

}  // namespace

const Family& exaone4_family() {
  static constexpr std::string_view kModelTypes[] = {"exaone4"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
