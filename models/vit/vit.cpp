#include "models/vit/vit.h"

#include <array>

#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "models/decoder/layers.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

LayerNormSpec norm_spec(const ViTConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const ViTConfig& c) {
  AttentionSpec s = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .causal = false};
  s.q_bias = s.k_bias = s.v_bias = c.qkv_bias;
  s.o_bias = true;
  return s;
}

Attention make_attention(const Scope& s, const ViTConfig& c) {
  return make<Attention>(s, attention_spec(c),
                         attention_names("attention.query", "attention.key", "attention.value", "output.dense"));
}

std::unique_ptr<EncoderHead> make_head(const Scope& s, const ViTConfig& c) {
  if (c.output == OutputKind::kHiddenStates) return make_state_head(c.hidden);
  return make_sequence_class_head(s, {.pooling = {.hidden_dim = c.hidden, .kind = PoolingKind::kCls},
                                      .mean_of_others = c.dino,
                                      .classifier = {.input_dim = c.hidden * (c.dino ? 2 : 1), .output_dim = c.classes},
                                      .classifier_path = "classifier"});
}

MLPSpec ffn_spec(const ViTConfig& c) {
  return {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true};
}

struct ViTLayer : PreNormLayer<LayerNorm, MLP> {
  ViTLayer(const Scope& s, const ViTConfig& c)
      : PreNormLayer{make<LayerNorm>(s / "layernorm_before", norm_spec(c)), make_attention(s / "attention", c),
                     make<LayerNorm>(s / "layernorm_after", norm_spec(c)),
                     make<MLP>(s, ffn_spec(c), mlp_names("intermediate.dense", "output.dense"))} {}
};

PlainOrGatedMLP make_dino_ffn(const Scope& s, const ViTConfig& c) {
  if (!c.gated) return PlainOrGatedMLP(make<MLP>(s, ffn_spec(c), mlp_names("fc1", "fc2")));
  return PlainOrGatedMLP(make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .bias = true},
                                        gated_mlp_names(c.ffn, "weights_in", "weights_out")));
}

// What each block adds is weighed by a learned gain.
struct DinoLayer {
  LayerNorm attention_norm;
  Attention attention;
  LayerScale attention_scale;
  LayerNorm ffn_norm;
  PlainOrGatedMLP ffn;
  LayerScale ffn_scale;

  DinoLayer(const Scope& s, const ViTConfig& c)
      : attention_norm(make<LayerNorm>(s / "norm1", norm_spec(c))),
        attention(make_attention(s / "attention", c)),
        attention_scale(make<LayerScale>(s / "layer_scale1", {.dim = c.hidden})),
        ffn_norm(make<LayerNorm>(s / "norm2", norm_spec(c))),
        ffn(make_dino_ffn(s / "mlp", c)),
        ffn_scale(make<LayerScale>(s / "layer_scale2", {.dim = c.hidden})) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward(exec, normed, step, normed);
    attention_scale.forward_add(exec, normed, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward(exec, normed, normed);
    ffn_scale.forward_add(exec, normed, x);
  }
};

template <class Layer>
struct Encoder {
  Dense patches;
  TokenEmbedding class_token;  // a table of one row
  PositionEmbedding positions;
  std::vector<Layer> layers;
  LayerNorm norm;

  Encoder(const Scope& s, const ViTConfig& c)
      : patches(make<Dense>(s / "embeddings.patch_embeddings.projection",
                            {.input_dim = c.patch_values, .output_dim = c.hidden})),
        class_token(make<TokenEmbedding>(s / "embeddings", {.vocab_size = 1, .hidden_dim = c.hidden},
                                         {.weight = slice("cls_token", 0)})),
        positions(make<PositionEmbedding>(
            s / "embeddings", {.hidden_dim = c.hidden, .kind = LearnedPositions{.num_embeddings = 1 + c.patches}},
            {.weight = slice("position_embeddings", 0)})),
        layers(make_layers<Layer>(s / "encoder.layer", c.layers, c)),
        norm(make<LayerNorm>(s / "layernorm", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView normed = frame.take(x.shape);
    embed(exec, step, x);
    for (const Layer& layer : layers) layer.forward(exec, step, x, normed);
    norm.forward(exec, x, x);
  }
  // The first row of each sequence is the class token's, whatever was given for it.
  void embed(Exec& exec, const Step& step, TensorView x) const {
    patches.forward(exec, step.given, x);
    constexpr std::array<std::int32_t, 1> kClassToken{0};
    for (std::size_t i = 0; i + 1 < step.batch.row_begin.size(); ++i) {
      const std::int64_t first = step.batch.row_begin[i], rows = step.batch.row_begin[i + 1] - first;
      if (rows > 0) class_token.forward(exec, kClassToken, rows_of(x, first, 1));
    }
    positions.forward_add(exec, step.batch.positions, x);
  }
};

template <class Layer>
std::unique_ptr<Model> make_vit(const Scope& s, const ViTConfig& c) {
  const EncoderInputs inputs{.hidden = c.hidden, .input_size = c.patch_values, .max_rows = 1 + c.patches};
  Encoder<Layer> encoder(s / c.prefix, c);
  return std::make_unique<EncoderModel<Encoder<Layer>>>(inputs, std::move(encoder), make_head(s, c));
}

}  // namespace

const Family& vit_family() {
  static constexpr std::string_view kModelTypes[] = {"vit", "dinov2"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const ViTConfig c = read_vit_config(config, scope);
                               return c.dino ? make_vit<DinoLayer>(scope, c) : make_vit<ViTLayer>(scope, c);
                             }};
  return family;
}

}  // namespace ttt
