#include "models/bert/bert.h"

namespace ttt {
namespace {

LayerNormSpec norm_spec(const BertConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const BertConfig& c) {
  AttentionSpec s =
      MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .position = c.rule, .causal = false};
  s.q_bias = s.k_bias = s.v_bias = s.o_bias = true;
  return s;
}

AttentionNames attention_names(const BertConfig& c) {
  const auto weight = [](std::string_view stem) { return text(stem, ".weight"); };
  const auto bias = [](std::string_view stem) { return text(stem, ".bias"); };
  const BertNames& n = *c.names;
  return {.q = weight(n.q),
          .k = weight(n.k),
          .v = weight(n.v),
          .o = weight(n.o),
          .q_bias = bias(n.q),
          .k_bias = bias(n.k),
          .v_bias = bias(n.v),
          .o_bias = bias(n.o),
          .relative_bias = text("/", c.prefix.empty() ? "" : c.prefix + ".", "encoder.relative_attention_bias.weight")};
}

MLPNames ffn_names(const BertNames& n) {
  return {.up = text(n.up, ".weight"),
          .down = text(n.down, ".weight"),
          .up_bias = text(n.up, ".bias"),
          .down_bias = text(n.down, ".bias")};
}

std::unique_ptr<EncoderHead> make_head(const Scope& s, const BertConfig& c) {
  const BertNames& n = *c.names;
  const auto square = [&](Activation a) {
    return DenseSpec{.input_dim = c.hidden, .output_dim = c.hidden, .activation = a};
  };
  switch (c.output) {
    case OutputKind::kLogits:
      return make_masked_lm_head(s, {.transform = {.dense = square(c.lm_activation),
                                                   .dense_path = n.lm_dense,
                                                   .norm_path = n.lm_norm,
                                                   .norm = norm_spec(c)},
                                     .decoder = {.input_dim = c.hidden, .output_dim = c.vocab},
                                     .decoder_path = n.lm_decoder,
                                     .decoder_names = {.weight = c.decoder, .bias = c.decoder_bias}});
    case OutputKind::kClasses:
      return make_sequence_class_head(s,
                                      {.pooling = {.hidden_dim = c.hidden, .kind = PoolingKind::kCls},
                                       .transform = {.dense = square(c.class_activation), .dense_path = n.class_dense},
                                       .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
                                       .classifier_path = n.classifier});
    case OutputKind::kHiddenStates:
      break;
  }
  return make_state_head(c.hidden);
}

Scope base_of(const Scope& s, const BertConfig& c) { return s / c.prefix; }

}  // namespace

Bert::Layer::Layer(const Scope& s, const BertConfig& c)
    : attention(make<Attention>(s / c.names->attention, attention_spec(c), attention_names(c))),
      attention_norm(make<LayerNorm>(s / c.names->attention_norm, norm_spec(c))),
      ffn(make<MLP>(s / c.names->ffn,
                    {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                    ffn_names(*c.names))),
      ffn_norm(make<LayerNorm>(s / c.names->ffn_norm, norm_spec(c))) {}

Bert::Bert(const Scope& s, const BertConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      types_(c.types),
      max_rows_(c.positions - c.first_position),
      embedding_(make<TokenEmbedding>(
          base_of(s, c) / "embeddings" / "word_embeddings",
          {.vocab_size = c.vocab, .hidden_dim = c.hidden, .num_token_types = c.types},
          {.token_type = text("/", (base_of(s, c) / "embeddings" / "token_type_embeddings").path(), ".weight")})),
      positions_(make<PositionEmbedding>(base_of(s, c) / "embeddings" / "position_embeddings",
                                         {.hidden_dim = c.hidden,
                                          .offset = c.first_position,
                                          .kind = LearnedPositions{.num_embeddings = c.positions}})),
      embedding_norm_(make<LayerNorm>(base_of(s, c) / "embeddings" / "LayerNorm", norm_spec(c))),
      layers_(make_layers<Layer>(base_of(s, c) / c.names->layers, c.layers, c)),
      head_(make_head(s, c)) {}

void Bert::forward(Exec& exec, const Step& step, TensorView output) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, step.token_types, x);
  positions_.forward_add(exec, step.batch.positions, x);
  embedding_norm_.forward(exec, x, x);
  for (const Layer& l : layers_) {
    l.attention.forward_add(exec, x, step, x);
    l.attention_norm.forward(exec, x, x);
    l.ffn.forward_add(exec, x, x);
    l.ffn_norm.forward(exec, x, x);
  }
  head_->forward(exec, step, x, output);
}

const Family& bert_family() {
  static constexpr std::string_view kModelTypes[] = {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const auto c = read_bert_config(config, scope.source(), scope.options().output);
                               return std::make_unique<Bert>(scope, c);
                             }};
  return family;
}

}  // namespace ttt
