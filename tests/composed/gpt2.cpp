#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "embeddings/position_embedding.h"
#include "ffn/mlp.h"
#include "normalization/layernorm.h"

namespace ttt::composed {
namespace {

// The checkpoint keeps matrices as [in, out].
AttentionNames attention_names(const AttentionSpec& spec) {
  AttentionNames n = fused_names(spec, "c_attn");
  for (TensorName* name : {&n.q, &n.k, &n.v}) *name = transposed(*name);
  n.o = transposed("c_proj.weight");
  n.o_bias = "c_proj.bias";
  return n;
}

struct Layer {
  Layer(const Scope& s, const Shape& c, std::int64_t)
      : attention_norm(make<LayerNorm>(s / "ln_1", {.dim = c.hidden, .eps = c.eps})),
        attention(make_attention(s / "attn", c)),
        ffn_norm(make<LayerNorm>(s / "ln_2", {.dim = c.hidden, .eps = c.eps})),
        ffn(make<MLP>(s / "mlp",
                      {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = Activation::kGeluTanh, .bias = true},
                      {.up = transposed("c_fc.weight"),
                       .down = transposed("c_proj.weight"),
                       .up_bias = "c_fc.bias",
                       .down_bias = "c_proj.bias"})) {}

  static Attention make_attention(const Scope& s, const Shape& c) {
    AttentionSpec spec = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads};
    spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = true;
    return make<Attention>(s, spec, attention_names(spec));
  }
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }

  LayerNorm attention_norm;
  Attention attention;
  LayerNorm ffn_norm;
  MLP ffn;
};

class Gpt2 final : public Decoder<Layer, LayerNorm> {
 public:
  Gpt2(const Scope& s, const Ends<LayerNorm>& ends, const Shape& c, std::int64_t positions)
      : Decoder(s, ends, c.layers, c),
        positions_(
            make<PositionEmbedding>(s / "transformer" / "wpe",
                                    {.hidden_dim = c.hidden, .kind = LearnedPositions{.num_embeddings = positions}})) {}

 private:
  void after_embedding(Exec& exec, const Step& step, TensorView x) const override {
    positions_.forward_add(exec, step.batch.positions, x);
  }
  PositionEmbedding positions_;
};

}  // namespace

std::unique_ptr<Model> make_gpt2(const Scope& scope, ConfigReader& config) {
  Shape c{.vocab = config.integer("vocab_size"),
          .hidden = config.integer("n_embd"),
          .layers = config.integer("n_layer"),
          .heads = config.integer("n_head"),
          .eps = static_cast<float>(config.number("layer_norm_epsilon", 1e-5)),
          .tied = true};
  c.ffn = config.integer("n_inner", 4 * c.hidden);
  Ends<LayerNorm> ends = ends_of<LayerNorm>(c, {.dim = c.hidden, .eps = c.eps});
  ends.embedding_name = "transformer.wte";
  ends.layers_name = "transformer.h";
  ends.norm_name = "transformer.ln_f";
  return std::make_unique<Gpt2>(scope, ends, c, config.integer("n_positions"));
}

}  // namespace ttt::composed
