#include "models/vit/vit.h"

#include <array>
#include <memory>
#include <type_traits>
#include <vector>

#include "attention/attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "normalization/layer_scale.h"
#include "normalization/layernorm.h"
#include "runtime/encoder_head.h"

namespace ttt {
namespace {

LayerNormSpec norm_spec(const ViTConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const ViTConfig& c) {
  AttentionSpec s = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .causal = false};
  s.q_bias = s.k_bias = s.v_bias = c.qkv_bias;
  s.o_bias = true;
  return s;
}

const AttentionNames kAttentionNames{.q = "attention.query.weight",
                                     .k = "attention.key.weight",
                                     .v = "attention.value.weight",
                                     .o = "output.dense.weight",
                                     .q_bias = "attention.query.bias",
                                     .k_bias = "attention.key.bias",
                                     .v_bias = "attention.value.bias",
                                     .o_bias = "output.dense.bias"};

MLPNames ffn_names(bool dino) {
  const std::string up = dino ? "fc1" : "intermediate.dense", down = dino ? "fc2" : "output.dense";
  return {.up = up + ".weight", .down = down + ".weight", .up_bias = up + ".bias", .down_bias = down + ".bias"};
}

GatedMLPNames gated_names(std::int64_t ffn) {
  GatedMLPNames n = fused_gate_up(ffn, "weights_in.weight", "weights_in.bias");
  n.down = "weights_out.weight";
  n.down_bias = "weights_out.bias";
  return n;
}

std::unique_ptr<EncoderHead> make_head(const Scope& s, const ViTConfig& c) {
  if (c.output == OutputKind::kHiddenStates) return make_state_head(c.hidden);
  return make_sequence_class_head(s, {.pooling = {.hidden_dim = c.hidden, .kind = PoolingKind::kCls},
                                      .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
                                      .classifier_path = "classifier"});
}

MLPSpec ffn_spec(const ViTConfig& c) {
  return {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true};
}

struct ViTLayer {
  LayerNorm attention_norm;
  Attention attention;
  LayerNorm ffn_norm;
  MLP ffn;

  ViTLayer(const Scope& s, const ViTConfig& c)
      : attention_norm(make<LayerNorm>(s / "layernorm_before", norm_spec(c))),
        attention(make<Attention>(s / "attention", attention_spec(c), kAttentionNames)),
        ffn_norm(make<LayerNorm>(s / "layernorm_after", norm_spec(c))),
        ffn(make<MLP>(s, ffn_spec(c), ffn_names(false))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }
};

MLP make_ffn(const Scope& s, const ViTConfig& c, std::type_identity<MLP>) {
  return make<MLP>(s, ffn_spec(c), ffn_names(true));
}
GatedMLP make_ffn(const Scope& s, const ViTConfig& c, std::type_identity<GatedMLP>) {
  return make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .bias = true}, gated_names(c.ffn));
}

// What each block adds is weighed by a learned gain.
template <class FeedForward>
struct DinoLayer {
  LayerNorm attention_norm;
  Attention attention;
  LayerScale attention_scale;
  LayerNorm ffn_norm;
  FeedForward ffn;
  LayerScale ffn_scale;

  DinoLayer(const Scope& s, const ViTConfig& c)
      : attention_norm(make<LayerNorm>(s / "norm1", norm_spec(c))),
        attention(make<Attention>(s / "attention", attention_spec(c), kAttentionNames)),
        attention_scale(make<LayerScale>(s / "layer_scale1", {.dim = c.hidden})),
        ffn_norm(make<LayerNorm>(s / "norm2", norm_spec(c))),
        ffn(make_ffn(s / "mlp", c, std::type_identity<FeedForward>())),
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
class ViT final : public Model {
 public:
  ViT(const Scope& s, const ViTConfig& c)
      : hidden_(c.hidden),
        input_size_(c.patch_values),
        max_rows_(1 + c.patches),
        patches_(make<Dense>(s / c.prefix / "embeddings.patch_embeddings.projection",
                             {.input_dim = c.patch_values, .output_dim = c.hidden})),
        class_token_(make<TokenEmbedding>(s / c.prefix / "embeddings", {.vocab_size = 1, .hidden_dim = c.hidden},
                                          {.weight = slice("cls_token", 0)})),
        positions_(
            make<PositionEmbedding>(s / c.prefix / "embeddings",
                                    {.hidden_dim = c.hidden, .kind = LearnedPositions{.num_embeddings = 1 + c.patches}},
                                    {.weight = slice("position_embeddings", 0)})),
        layers_(make_layers<Layer>(s / c.prefix / "encoder.layer", c.layers, c)),
        norm_(make<LayerNorm>(s / c.prefix / "layernorm", norm_spec(c))),
        head_(make_head(s, c)) {}

  void forward(Exec& exec, const Step& step, TensorView output) const override {
    Scratch::Frame frame(exec.scratch);
    const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
    embed(exec, step, x);
    for (const Layer& layer : layers_) layer.forward(exec, step, x, normed);
    norm_.forward(exec, x, x);
    head_->forward(exec, step, x, output);
  }
  std::int64_t vocab_size() const override { return 0; }
  std::int64_t input_size() const override { return input_size_; }
  std::int64_t max_rows() const override { return max_rows_; }
  OutputKind output() const override { return head_->kind(); }
  std::int64_t output_size() const override { return head_->size(); }

 private:
  // The first row of each sequence is the class token's, whatever was given for it.
  void embed(Exec& exec, const Step& step, TensorView x) const {
    patches_.forward(exec, step.given, x);
    constexpr std::array<std::int32_t, 1> kClassToken{0};
    for (std::size_t i = 0; i + 1 < step.batch.row_begin.size(); ++i) {
      const std::int64_t first = step.batch.row_begin[i], rows = step.batch.row_begin[i + 1] - first;
      if (rows > 0) class_token_.forward(exec, kClassToken, rows_of(x, first, 1));
    }
    positions_.forward_add(exec, step.batch.positions, x);
  }

  std::int64_t hidden_, input_size_, max_rows_;
  Dense patches_;
  TokenEmbedding class_token_;  // a table of one row
  PositionEmbedding positions_;
  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::unique_ptr<EncoderHead> head_;
};

std::unique_ptr<Model> make_vit(const Scope& scope, const ViTConfig& c) {
  if (!c.dino) return std::make_unique<ViT<ViTLayer>>(scope, c);
  if (c.gated) return std::make_unique<ViT<DinoLayer<GatedMLP>>>(scope, c);
  return std::make_unique<ViT<DinoLayer<MLP>>>(scope, c);
}

}  // namespace

const Family& vit_family() {
  static constexpr std::string_view kModelTypes[] = {"vit", "dinov2"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               return make_vit(scope, read_vit_config(config, scope));
                             }};
  return family;
}

}  // namespace ttt
