#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/mlp.h"
#include "normalization/layernorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
};

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t)
      : attention_norm(make<LayerNorm>(s / "input_layernorm", {.dim = c.hidden, .eps = c.eps})),
        attention(make_attention(s / "attention", c)),
        ffn_norm(make<LayerNorm>(s / "post_attention_layernorm", {.dim = c.hidden, .eps = c.eps})),
        ffn(make<MLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .bias = true},
                      {.up = "dense_h_to_4h.weight",
                       .down = "dense_4h_to_h.weight",
                       .up_bias = "dense_h_to_4h.bias",
                       .down_bias = "dense_4h_to_h.bias"})) {}

  static Attention make_attention(const Scope& s, const Config& c) {
    AttentionSpec spec = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .position = c.rope};
    spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = true;
    AttentionNames names = interleaved_names(spec);
    names.o = "dense.weight";
    names.o_bias = "dense.bias";
    return make<Attention>(s, spec, names);
  }
  // Attention and feed-forward both read the layer's input, each through a norm of its own.
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView ffn_input = frame.take(x.shape);
    attention_norm.forward(exec, x, normed);
    ffn_norm.forward(exec, x, ffn_input);
    attention.forward_add(exec, normed, step, x);
    ffn.forward_add(exec, ffn_input, x);
  }

  LayerNorm attention_norm;
  Attention attention;
  LayerNorm ffn_norm;
  MLP ffn;
};

}  // namespace

std::unique_ptr<Model> make_gpt_neox(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  Ends<LayerNorm> ends = ends_of<LayerNorm>(c, {.dim = c.hidden, .eps = c.eps});
  ends.embedding_name = "gpt_neox.embed_in";
  ends.layers_name = "gpt_neox.layers";
  ends.norm_name = "gpt_neox.final_layer_norm";
  ends.head_name = "embed_out";
  return std::make_unique<Decoder<Layer, LayerNorm>>(scope, ends, c.layers, c);
}

}  // namespace ttt::composed
