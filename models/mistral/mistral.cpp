#include "models/mistral/mistral.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const DecoderConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const DecoderConfig& c, std::int64_t i)
      : PreNormLayer{
            make<RMSNorm>(s / "input_layernorm", norm_spec(c)), make<Attention>(s / "self_attn", attention_spec(c, i)),
            make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
            make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})} {}
};

// Where the configuration is silent: as MistralConfig and MinistralConfig of transformers.
DecoderConfig read_config(ConfigReader& config, const Scope& scope) {
  DecoderConfig c = read_decoder_config(
      config, scope,
      {.shape = {.vocab = 32000, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 8, .tied = false},
       .ffn = 14336,
       .rope = {.max_positions = 131072, .rotates_part = false}});
  const bool listed = config.string("model_type") == "ministral";
  if (!listed) config.ignore("layer_types");
  const std::int64_t window = read_window(config, 4096);
  if (listed) {
    c.windows = read_windows(config, c.layers, window, [](std::int64_t) { return true; });
  } else {
    c.windows.assign(static_cast<std::size_t>(c.layers), window);
  }
  return c;
}

}  // namespace

const Family& mistral_family() {
  static constexpr std::string_view kModelTypes[] = {"mistral", "ministral"};
  static const Family family{
      .model_types = kModelTypes, .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
        const DecoderConfig c = read_config(config, scope);
        config.finish();
        return std::make_unique<DecoderModel<Layer, RMSNorm>>(scope, c, DecoderEnds<RMSNorm>{.norm = norm_spec(c)});
      }};
  return family;
}

}  // namespace ttt
