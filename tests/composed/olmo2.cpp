#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/gated_mlp.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c) {
  AttentionSpec spec = GroupedQueryAttentionSpec{.hidden_dim = c.hidden,
                                                 .num_heads = c.heads,
                                                 .num_kv_heads = c.kv_heads,
                                                 .head_dim = c.head_dim,
                                                 .position = c.rope};
  spec.qk_norm = RMSNormSpec{.eps = c.eps};
  spec.qk_norm_whole = true;
  return spec;
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t)
      : attention(make<Attention>(s / "self_attn", attention_spec(c))),
        after_attention(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(make<GatedMLP>(s / "mlp", SwiGLU(c.hidden, c.ffn))),
        after_ffn(make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView result) const {
    attention.forward(exec, x, step, result);
    after_attention.forward_add(exec, result, x);
    ffn.forward(exec, x, result);
    after_ffn.forward_add(exec, result, x);
  }

  Attention attention;
  RMSNorm after_attention;
  GatedMLP ffn;
  RMSNorm after_ffn;
};

}  // namespace

std::unique_ptr<Model> make_olmo2(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends_of<RMSNorm>(c, norm_spec(c)), c.layers, c);
}

}  // namespace ttt::composed
