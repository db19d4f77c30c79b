#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/gated_mlp.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
  std::int64_t window = 0;
  float query_scalar = 0, score_cap = 0;
  std::vector<std::string> kinds = {};
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps, .weight_offset = 1}; }

AttentionSpec attention_spec(const Config& c, std::int64_t layer) {
  const bool window = c.kinds.at(static_cast<std::size_t>(layer)) == "sliding_attention";
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .scale = 1 / std::sqrt(c.query_scalar),
          .visible = {.behind = window ? c.window - 1 : Visible::kAll},
          .position = c.rope,
          .soft_cap = c.score_cap};
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : before_attention(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        after_attention(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        before_ffn(make<RMSNorm>(s / "pre_feedforward_layernorm", norm_spec(c))),
        ffn(make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = Activation::kGeluTanh})),
        after_ffn(make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))) {}

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

}  // namespace

std::unique_ptr<Model> make_gemma2(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  c.window = config.integer("sliding_window");
  c.query_scalar = static_cast<float>(config.number("query_pre_attn_scalar"));
  c.score_cap = static_cast<float>(config.number("attn_logit_softcapping"));
  c.kinds = config.strings("layer_types");
  Ends<RMSNorm> ends = ends_of<RMSNorm>(c, norm_spec(c));
  ends.embedding.scale = std::sqrt(static_cast<float>(c.hidden));
  ends.head.soft_cap = static_cast<float>(config.number("final_logit_softcapping"));
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends, c.layers, c);
}

}  // namespace ttt::composed
