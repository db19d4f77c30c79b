#include "models/bert/bert.h"
#include "models/encoder/encoder.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

constexpr BertNames kBert{.prefix = "bert",
                          .layers = "encoder.layer",
                          .attention = "attention",
                          .attention_norm = "attention.output.LayerNorm",
                          .ffn = "",
                          .ffn_norm = "output.LayerNorm",
                          .q = "self.query",
                          .k = "self.key",
                          .v = "self.value",
                          .o = "output.dense",
                          .up = "intermediate.dense",
                          .down = "output.dense",
                          .lm_dense = "cls.predictions.transform.dense",
                          .lm_norm = "cls.predictions.transform.LayerNorm",
                          .lm_decoder = "cls.predictions.decoder",
                          .lm_bias = "cls.predictions.bias",
                          .class_dense = "bert.pooler.dense",
                          .classifier = "classifier"};

constexpr BertNames roberta_names() {
  BertNames n = kBert;
  n.prefix = "roberta";
  n.lm_dense = "lm_head.dense";
  n.lm_norm = "lm_head.layer_norm";
  n.lm_decoder = "lm_head.decoder";
  n.lm_bias = "lm_head.bias";
  n.class_dense = "classifier.dense";
  n.classifier = "classifier.out_proj";
  return n;
}
constexpr BertNames kRoberta = roberta_names();

constexpr BertNames mpnet_names() {
  BertNames n = roberta_names();
  n.prefix = "mpnet";
  n.attention_norm = "attention.LayerNorm";
  n.q = "attn.q";
  n.k = "attn.k";
  n.v = "attn.v";
  n.o = "attn.o";
  return n;
}
constexpr BertNames kMpnet = mpnet_names();

constexpr BertNames kDistil{.prefix = "distilbert",
                            .layers = "transformer.layer",
                            .attention = "attention",
                            .attention_norm = "sa_layer_norm",
                            .ffn = "ffn",
                            .ffn_norm = "output_layer_norm",
                            .q = "q_lin",
                            .k = "k_lin",
                            .v = "v_lin",
                            .o = "out_lin",
                            .up = "lin1",
                            .down = "lin2",
                            .lm_dense = "vocab_transform",
                            .lm_norm = "vocab_layer_norm",
                            .lm_decoder = "vocab_projector",
                            .lm_bias = "vocab_projector.bias",
                            .class_dense = "pre_classifier",
                            .classifier = "classifier"};

constexpr std::string_view kWords = "embeddings.word_embeddings.weight";
constexpr IntegerRange kPositions{.min = 1, .max = 1 << 24};

// Defaults are those of the configuration classes of transformers.
BertConfig read_distil(ConfigReader& config) {
  BertConfig c;
  c.names = &kDistil;
  c.eps = 1e-12f;
  c.class_activation = Activation::kRelu;
  c.vocab = config.integer("vocab_size", 30522, {.min = 1});
  c.hidden = config.integer("dim", 768, kWidths);
  c.layers = config.integer("n_layers", 6, {.min = 1, .max = 4096});
  c.heads = config.integer("n_heads", 12, kCounts);
  c.ffn = config.integer("hidden_dim", 4 * 768, kWidths);
  check_heads(config, "dim", c.hidden, c.heads);
  c.positions = config.integer("max_position_embeddings", 512, kPositions);
  c.activation = c.lm_activation = activation_of(config, "activation", "gelu");
  // Their table is a tensor like any other.
  config.boolean("sinusoidal_pos_embds", false);
  return c;
}

BertConfig read_bert(ConfigReader& config, const std::string& type) {
  const bool mpnet = type == "mpnet", plain = type == "bert";
  BertConfig c;
  c.names = plain ? &kBert : mpnet ? &kMpnet : &kRoberta;
  c.vocab = config.integer("vocab_size", plain ? 30522 : mpnet ? 30527 : 50265, {.min = 1});
  if (type == "xlm-roberta" && !config.has("vocab_size")) c.vocab = 30522;
  static_cast<EncoderShape&>(c) = read_encoder_shape(config, {.hidden = 768, .layers = 12, .heads = 12, .ffn = 3072});
  c.positions = config.integer("max_position_embeddings", 512, kPositions);
  c.eps = static_cast<float>(config.number("layer_norm_eps", 1e-12, {.min = 0}));
  c.activation = activation_of(config, "hidden_act", "gelu");
  if (plain) c.lm_activation = c.activation;
  if (!mpnet) {
    c.types = config.integer("type_vocab_size", 2, {.min = 0, .max = 1 << 16});
    for (const char* key : {"is_decoder", "add_cross_attention"}) config.only(key, Json(false));
    config.only("position_embedding_type", Json("absolute"));
  }
  // Rows of the table up to the one of the id that fills up batches stand for no position.
  if (mpnet) {
    c.first_position = 2;
    c.rule = RelativeBiasSpec{};  // the reference reads neither from the configuration
    config.only("relative_attention_num_buckets", Json(32));
  } else if (!plain) {
    c.first_position = config.integer("pad_token_id", 1, {.min = 0, .max = c.positions - 2}) + 1;
  }
  return c;
}

void read_heads(ConfigReader& config, const WeightSource& source, std::optional<OutputKind> asked, BertConfig& c) {
  const BertNames& n = *c.names;
  const bool tied = config.boolean("tie_word_embeddings", true);
  const bool own = source.has(text(n.lm_decoder, ".weight"));
  const auto weight = [&](std::string_view stem) { return source.has(text(stem, ".weight")); };
  c.token_classifier = weight("qa_outputs") ? "qa_outputs" : "classifier";
  c.output = read_output_kind(config, asked,
                              {.masked_lm = weight(n.lm_dense),
                               .classes = weight(n.classifier) && weight(n.class_dense),
                               .token_classes = weight(c.token_classifier)});
  if (c.output == OutputKind::kClasses || c.output == OutputKind::kTokenClasses) c.classes = read_classes(config);
  const std::string table = text(c.prefix.empty() ? "" : c.prefix + ".", kWords);
  c.decoder = tied && !own ? "/" + table : std::string("weight");
  const std::string bias(n.lm_bias);
  c.decoder_bias = text("/", source.has(bias) ? bias : text(n.lm_decoder, ".bias"));
}

}  // namespace

BertConfig read_bert_config(ConfigReader& config, const WeightSource& source, std::optional<OutputKind> asked) {
  const std::string type = config.string("model_type");
  BertConfig c = type == "distilbert" ? read_distil(config) : read_bert(config, type);
  if (c.positions <= c.first_position) {
    config.refuse("max_position_embeddings", text("wanted more than ", c.first_position, ", got ", c.positions));
  }
  if (!source.has(std::string(kWords))) c.prefix = c.names->prefix;
  read_heads(config, source, asked, c);
  constexpr std::string_view kHarmless[] = {"qa_dropout", "seq_classif_dropout", "tie_weights_", "output_past",
                                            "pooler_*", "directionality",
                                            // of GGUF files, which every architecture has, and of their labels
                                            "head_dim", "num_key_value_heads", "gguf_*"};
  config.finish(kHarmless);
  return c;
}

}  // namespace ttt
