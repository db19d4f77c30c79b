#include "models/modernbert/modernbert.h"

namespace ttt {
namespace {

LayerNormSpec norm_spec(const ModernBertConfig& c) { return {.dim = c.hidden, .eps = c.eps, .bias = c.norm_bias}; }

AttentionSpec attention_spec(const ModernBertConfig& c, std::int64_t window) {
  const std::int64_t side = window > 0 ? window : Visible::kAll;
  const bool bias = c.attention_bias;
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.heads,
          .head_dim = c.hidden / c.heads,
          .visible = {.behind = side, .ahead = side},
          .position = window > 0 ? c.window_rope : c.rope,
          .q_bias = bias,
          .k_bias = bias,
          .v_bias = bias,
          .o_bias = bias};
}

AttentionNames attention_names(const AttentionSpec& spec) {
  AttentionNames n = fused_names(spec, "Wqkv");
  n.o = "Wo.weight";
  n.o_bias = "Wo.bias";
  return n;
}

GatedMLPNames ffn_names(const ModernBertConfig& c) {
  GatedMLPNames n = fused_gate_up(c.ffn, "Wi.weight", "Wi.bias");
  n.down = "Wo.weight";
  n.down_bias = "Wo.bias";
  return n;
}

std::unique_ptr<EncoderHead> make_head(const Scope& s, const ModernBertConfig& c) {
  const HeadTransform transform{
      .dense = {.input_dim = c.hidden, .output_dim = c.hidden, .activation = c.head_activation, .bias = c.dense_bias},
      .dense_path = "head.dense",
      .norm_path = "head.norm",
      .norm = norm_spec(c)};
  switch (c.output) {
    case OutputKind::kLogits:
      return make_masked_lm_head(s, {.transform = transform,
                                     .decoder = {.input_dim = c.hidden, .output_dim = c.vocab, .bias = c.decoder_bias},
                                     .decoder_path = "decoder",
                                     .decoder_names = {.weight = c.decoder}});
    case OutputKind::kClasses:
      return make_sequence_class_head(s, {.pooling = {.hidden_dim = c.hidden, .kind = c.pooling},
                                          .transform = transform,
                                          .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
                                          .classifier_path = "classifier"});
    case OutputKind::kHiddenStates:
      break;
  }
  return make_state_head(c.hidden);
}

}  // namespace

ModernBert::Layer::Layer(const Scope& s, const ModernBertConfig& c, std::int64_t index)
    : attention([&] {
        const AttentionSpec spec = attention_spec(c, c.windows[static_cast<std::size_t>(index)]);
        return make<Attention>(s / "attn", spec, attention_names(spec));
      }()),
      ffn_norm(make<LayerNorm>(s / "mlp_norm", norm_spec(c))),
      ffn(make<GatedMLP>(s / "mlp",
                         {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.ffn_bias},
                         ffn_names(c))) {
  if (index > 0) attention_norm.push_back(make<LayerNorm>(s / "attn_norm", norm_spec(c)));
}

ModernBert::ModernBert(const Scope& s, const ModernBertConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make<TokenEmbedding>(s / c.prefix / "embeddings.tok_embeddings",
                                      {.vocab_size = c.vocab, .hidden_dim = c.hidden})),
      embedding_norm_(make<LayerNorm>(s / c.prefix / "embeddings.norm", norm_spec(c))),
      layers_(make_layers<Layer>(s / c.prefix / "layers", c.layers, c)),
      norm_(make<LayerNorm>(s / c.prefix / "final_norm", norm_spec(c))),
      head_(make_head(s, c)) {}

void ModernBert::forward(Exec& exec, const Step& step, TensorView output) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, x);
  embedding_norm_.forward(exec, x, x);
  for (const Layer& l : layers_) {
    TensorView input = x;
    for (const LayerNorm& norm : l.attention_norm) {
      norm.forward(exec, x, normed);
      input = normed;
    }
    l.attention.forward_add(exec, input, step, x);
    l.ffn_norm.forward(exec, x, normed);
    l.ffn.forward_add(exec, normed, x);
  }
  norm_.forward(exec, x, x);
  head_->forward(exec, step, x, output);
}

const Family& modernbert_family() {
  static constexpr std::string_view kModelTypes[] = {"modernbert"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               return std::make_unique<ModernBert>(scope, read_modernbert_config(config, scope));
                             }};
  return family;
}

}  // namespace ttt
