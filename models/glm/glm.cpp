#include "models/glm/glm.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/layers.h"
#include "models/glm/glm_gguf.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool qkv_bias = true, fused_qkv = false;  // fused: in GGUF files of the architecture chatglm
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

Attention make_attention(const Scope& s, const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i);
  spec.q_bias = spec.k_bias = spec.v_bias = c.qkv_bias;
  return make<Attention>(s, spec, c.fused_qkv ? fused_names(spec) : AttentionNames());
}

GatedMLP make_ffn(const Scope& s, const Config& c) {
  return make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                        fused_gate_up(c.ffn));
}

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)), make_attention(s / "self_attn", c, i),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)), make_ffn(s / "mlp", c)} {}
};

// Of glm4.
struct SandwichLayer {
  SandwichLayer(const Scope& s, const Config& c, std::int64_t i)
      : before_attention(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make_attention(s / "self_attn", c, i)),
        after_attention(make<RMSNorm>(s / "post_self_attn_layernorm", norm_spec(c))),
        before_ffn(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(make_ffn(s / "mlp", c)),
        after_ffn(make<RMSNorm>(s / "post_mlp_layernorm", norm_spec(c))) {}

  // x += norm(attention(norm(x))); x += norm(ffn(norm(x)))
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    before_attention.forward(exec, x, normed);
    attention.forward(exec, normed, step, normed);
    after_attention.forward_add(exec, normed, x);
    before_ffn.forward(exec, x, normed);
    ffn.forward(exec, normed, normed);
    after_ffn.forward_add(exec, normed, x);
  }

  RMSNorm before_attention;
  Attention attention;
  RMSNorm after_attention, before_ffn;
  GatedMLP ffn;
  RMSNorm after_ffn;
};

// Where the configuration is silent: as GlmConfig and Glm4Config of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape =
           {.vocab = 151552, .hidden = 4096, .layers = 40, .heads = 32, .kv_heads = 2, .head_dim = 128, .tied = false},
       .ffn = 13696,
       .eps = 1.5625e-7,
       .rope = {.max_positions = 131072, .part = config.has("gguf_architecture") ? 1.0 : 0.5}})};
  c.rope.layout = RotaryLayout::kInterleaved;
  c.qkv_bias = config.boolean("attention_bias", true);
  c.fused_qkv = config.boolean("gguf_fused_qkv", false);
  return c;
}

}  // namespace

const Family& glm_family() {
  static constexpr std::string_view kModelTypes[] = {"glm", "glm4"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const Config c = read_config(config, scope);
                               const bool fourth = config.string("model_type") == "glm4";
                               config.finish();
                               const DecoderEnds<RMSNorm> ends{.norm = norm_spec(c)};
                               if (fourth)
                                 return std::make_unique<DecoderModel<SandwichLayer, RMSNorm>>(scope, c, ends);
                               return std::make_unique<DecoderModel<Layer, RMSNorm>>(scope, c, ends);
                             },
                             .gguf = glm_gguf_spellings()};
  return family;
}

}  // namespace ttt
