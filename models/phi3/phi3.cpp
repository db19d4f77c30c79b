#include "models/phi3/phi3.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/layers.h"
#include "models/phi3/phi3_gguf.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const DecoderConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const DecoderConfig& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, i), fused_names(attention_spec(c, i))),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
                     make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                                    fused_gate_up(c.ffn))} {}
};

// Where the configuration is silent: as Phi3Config of transformers.
DecoderConfig read_config(ConfigReader& config, const Scope& scope) {
  DecoderConfig c =
      read_decoder_config(config, scope,
                          {.shape = {.vocab = 32064, .hidden = 3072, .layers = 32, .heads = 32, .tied = false},
                           .ffn = 8192,
                           .eps = 1e-5,
                           .rope = {.max_positions = 4096, .original = 4096}});
  const bool known =
      std::holds_alternative<NoScaling>(c.rope.scaling) || std::holds_alternative<LongRoPEScaling>(c.rope.scaling);
  if (!known) config.unsupported("rope_parameters", "has a rope_type that this model has not: wanted longrope");
  c.windows.assign(static_cast<std::size_t>(c.layers), read_window(config, 0));
  for (const char* key : {"full_attn_mod", "interpolate_factor"})
    config.ignore(key);  // of Phi-4-mini; the class ignores them
  config.finish();
  return c;
}

}  // namespace

const Family& phi3_family() {
  static constexpr std::string_view kModelTypes[] = {"phi3"};
  static const Family family{.model_types = kModelTypes,
                             .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>,
                             .gguf = phi3_gguf_spellings()};
  return family;
}

}  // namespace ttt
