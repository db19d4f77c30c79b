#include "models/bert/bert.h"

#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "models/bert/bert_gguf.h"
#include "models/encoder/encoder.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

LayerNormSpec norm_spec(const BertConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const BertConfig& c) {
  AttentionSpec s =
      MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .position = c.rule, .causal = false};
  s.q_bias = s.k_bias = s.v_bias = s.o_bias = true;
  return s;
}

AttentionNames names_of(const BertConfig& c) {
  const BertNames& n = *c.names;
  AttentionNames names = attention_names(n.q, n.k, n.v, n.o);
  names.relative_bias = text("/", c.prefix.empty() ? "" : c.prefix + ".", "encoder.relative_attention_bias.weight");
  return names;
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
    case OutputKind::kTokenClasses:
      return make_token_class_head(
          s, {.classifier = {.input_dim = c.hidden, .output_dim = c.classes}, .classifier_path = c.token_classifier});
    case OutputKind::kHiddenStates:
      break;
  }
  return make_state_head(c.hidden);
}

struct Encoder {
  struct Layer : NormAfterSumLayer<LayerNorm, MLP> {
    Layer(const Scope& s, const BertConfig& c)
        : NormAfterSumLayer{
              make<Attention>(s / c.names->attention, attention_spec(c), names_of(c)),
              make<LayerNorm>(s / c.names->attention_norm, norm_spec(c)),
              make<MLP>(s / c.names->ffn,
                        {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                        mlp_names(c.names->up, c.names->down)),
              make<LayerNorm>(s / c.names->ffn_norm, norm_spec(c))} {}
  };
  TokenEmbedding embedding;
  PositionEmbedding positions;
  LayerNorm norm;
  std::vector<Layer> layers;

  // `s`: of this checkpoint's prefix
  Encoder(const Scope& s, const BertConfig& c)
      : embedding(make<TokenEmbedding>(
            s / "embeddings.word_embeddings",
            {.vocab_size = c.vocab, .hidden_dim = c.hidden, .num_token_types = c.types},
            {.token_type = text("/", (s / "embeddings.token_type_embeddings").path(), ".weight")})),
        positions(make<PositionEmbedding>(s / "embeddings.position_embeddings",
                                          {.hidden_dim = c.hidden,
                                           .offset = c.first_position,
                                           .kind = LearnedPositions{.num_embeddings = c.positions}})),
        norm(make<LayerNorm>(s / "embeddings.LayerNorm", norm_spec(c))),
        layers(make_layers<Layer>(s / c.names->layers, c.layers, c)) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    embedding.forward(exec, step.ids, step.token_types, x);
    positions.forward_add(exec, step.batch.positions, x);
    norm.forward(exec, x, x);
    for (const Layer& l : layers) l.forward(exec, step, x);
  }
};

std::unique_ptr<Model> make_bert(const Scope& s, const BertConfig& c) {
  const EncoderInputs inputs{
      .hidden = c.hidden, .vocab = c.vocab, .token_types = c.types, .max_rows = c.positions - c.first_position};
  Encoder encoder(s / c.prefix, c);
  return std::make_unique<EncoderModel<Encoder>>(inputs, std::move(encoder), make_head(s, c));
}

}  // namespace

const Family& bert_family() {
  static constexpr std::string_view kModelTypes[] = {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet"};
  static const Family family{.model_types = kModelTypes,
                             .make =
                                 [](const Scope& scope, ConfigReader& config) {
                                   return make_bert(scope,
                                                    read_bert_config(config, scope.source(), scope.options().output));
                                 },
                             .gguf = bert_gguf_spellings()};
  return family;
}

}  // namespace ttt
