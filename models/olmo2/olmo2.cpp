#include "models/olmo2/olmo2.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/layers.h"
#include "models/olmo2/olmo2_gguf.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool attention_bias = false;
  RoPESpec window_rope = {};  // of layers with a window
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, c.attention_bias);
  if (c.windows[static_cast<std::size_t>(i)] > 0) spec.position = c.window_rope;
  spec.qk_norm = RMSNormSpec{.eps = c.eps};
  spec.qk_norm_whole = true;
  return spec;
}

struct Layer : PostNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PostNormLayer{make<Attention>(s / "self_attn", attention_spec(c, i)),
                      make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
                      make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation}),
                      make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))} {}
};

// The third generation has parameters by kind of layer; rope_scaling is for the layers that see everything, and in a
// directory rope_theta too. In llama.cpp all layers have the base of the file.
RopeDefaults rope_defaults(bool third, bool windowed, bool gguf) {
  if (!third) return {.max_positions = 2048, .rotates_part = gguf};
  return {.theta = 5e5,
          .theta_key = windowed && !gguf ? "" : "rope_theta",
          .max_positions = 2048,
          .layer_type = windowed ? "sliding_attention" : "full_attention",
          .scaling_key = windowed ? RopeScalingKey::kIgnored : RopeScalingKey::kUpdates,
          .rotates_part = gguf};
}

// Where the configuration is silent: as Olmo2Config and Olmo3Config of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  const bool third = config.string("model_type") == "olmo3", gguf = config.has("gguf_architecture");
  if (third) require_rope_by_layer(config);
  Config c{read_decoder_config(config, scope,
                               {.shape = {.vocab = 50304, .hidden = 4096, .layers = 32, .heads = 32, .tied = false},
                                .ffn = 11008,
                                .eps = 1e-5,
                                .rope = rope_defaults(third, false, gguf)})};
  c.attention_bias = config.boolean("attention_bias", false);
  if (third) {
    c.window_rope =
        rope_spec(config, scope.source(), c.head_dim, scope.options().context, rope_defaults(true, true, gguf));
    c.windows = read_windows(config, c.layers, read_window(config, 4096), 4);
  }
  config.finish();
  return c;
}

}  // namespace

const Family& olmo2_family() {
  static constexpr std::string_view kModelTypes[] = {"olmo2", "olmo3"};
  static const Family family{.model_types = kModelTypes,
                             .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>,
                             .gguf = olmo2_gguf_spellings()};
  return family;
}

}  // namespace ttt
