#include "models/vit/vit.h"

#include <array>

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

}  // namespace

ViT::Layer::Layer(const Scope& s, const ViTConfig& c)
    : attention_norm(make<LayerNorm>(s / (c.dino ? "norm1" : "layernorm_before"), norm_spec(c))),
      attention(make<Attention>(s / "attention", attention_spec(c), kAttentionNames)),
      ffn_norm(make<LayerNorm>(s / (c.dino ? "norm2" : "layernorm_after"), norm_spec(c))) {
  const Scope place = s / (c.dino ? "mlp" : "");
  if (c.gated) {
    gated.push_back(
        make<GatedMLP>(place, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .bias = true}, gated_names(c.ffn)));
  } else {
    ffn.push_back(make<MLP>(place, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                            ffn_names(c.dino)));
  }
  if (!c.dino) return;
  for (const char* name : {"layer_scale1", "layer_scale2"}) {
    scales.push_back(make<LayerScale>(s / name, {.dim = c.hidden}));
  }
}

ViT::ViT(const Scope& s, const ViTConfig& c)
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

// The first row of each sequence is the class token's, whatever was given for it.
void ViT::embed(Exec& exec, const Step& step, TensorView x) const {
  patches_.forward(exec, step.given, x);
  constexpr std::array<std::int32_t, 1> kClassToken{0};
  for (std::size_t i = 0; i + 1 < step.batch.row_begin.size(); ++i) {
    const std::int64_t first = step.batch.row_begin[i], rows = step.batch.row_begin[i + 1] - first;
    if (rows > 0) class_token_.forward(exec, kClassToken, rows_of(x, first, 1));
  }
  positions_.forward_add(exec, step.batch.positions, x);
}

void ViT::forward(Exec& exec, const Step& step, TensorView output) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
  embed(exec, step, x);
  for (const Layer& l : layers_) {
    l.attention_norm.forward(exec, x, normed);
    if (l.scales.empty()) {
      l.attention.forward_add(exec, normed, step, x);
    } else {
      l.attention.forward(exec, normed, step, normed);
      l.scales[0].forward_add(exec, normed, x);
    }
    l.ffn_norm.forward(exec, x, normed);
    if (l.scales.empty()) {
      for (const MLP& ffn : l.ffn) ffn.forward_add(exec, normed, x);
      continue;
    }
    for (const MLP& ffn : l.ffn) ffn.forward(exec, normed, normed);
    for (const GatedMLP& ffn : l.gated) ffn.forward(exec, normed, normed);
    l.scales[1].forward_add(exec, normed, x);
  }
  norm_.forward(exec, x, x);
  head_->forward(exec, step, x, output);
}

const Family& vit_family() {
  static constexpr std::string_view kModelTypes[] = {"vit", "dinov2"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               return std::make_unique<ViT>(scope, read_vit_config(config, scope));
                             }};
  return family;
}

}  // namespace ttt
