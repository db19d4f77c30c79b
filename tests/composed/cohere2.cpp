#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/gated_mlp.h"
#include "normalization/layernorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
  std::int64_t window = 0;
  std::vector<std::string> kinds = {};
};

LayerNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps, .bias = false}; }

// Layers with a window know positions; those that see everything do not.
AttentionSpec attention_spec(const Config& c, std::int64_t layer) {
  const bool window = c.kinds.at(static_cast<std::size_t>(layer)) == "sliding_attention";
  AttentionSpec spec{.hidden_dim = c.hidden, .num_heads = c.heads, .num_kv_heads = c.kv_heads, .head_dim = c.head_dim};
  if (window) {
    spec.visible.behind = c.window - 1;
    spec.position = c.rope;
  }
  return spec;
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : norm(make<LayerNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        ffn(make<GatedMLP>(s / "mlp", SwiGLU(c.hidden, c.ffn))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn.forward_add(exec, normed, x);
  }

  LayerNorm norm;
  Attention attention;
  GatedMLP ffn;
};

}  // namespace

std::unique_ptr<Model> make_cohere2(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  c.rope.layout = RotaryLayout::kInterleaved;
  c.window = config.integer("sliding_window");
  c.kinds = config.strings("layer_types");
  Ends<LayerNorm> ends = ends_of<LayerNorm>(c, norm_spec(c));
  ends.head.logit_scale = static_cast<float>(config.number("logit_scale"));
  return std::make_unique<Decoder<Layer, LayerNorm>>(scope, ends, c.layers, c);
}

}  // namespace ttt::composed
