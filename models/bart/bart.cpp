#include "models/bart/bart.h"

#include "attention/cross_attention.h"
#include "embeddings/position_embedding.h"
#include "embeddings/token.h"
#include "models/encoder/encoder.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

constexpr std::int64_t kFirstPosition = 2;  // the table's first two rows stand for no position

LayerNormSpec norm_spec(const BartConfig& c) { return {.dim = c.hidden}; }

AttentionSpec attention_spec(const BartConfig& c, std::int64_t heads, bool causal) {
  AttentionSpec s = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = heads, .causal = causal};
  s.q_bias = s.k_bias = s.v_bias = s.o_bias = true;
  return s;
}

CrossAttentionSpec cross_spec(const BartConfig& c) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.decoder_heads,
          .num_kv_heads = c.decoder_heads,
          .head_dim = c.hidden / c.decoder_heads,
          .q_bias = true,
          .k_bias = true,
          .v_bias = true,
          .o_bias = true,
          .max_source_rows = c.source_rows};
}

const AttentionNames kAttentionNames{.o = "out_proj.weight", .o_bias = "out_proj.bias"};

MLP make_ffn(const Scope& s, const BartConfig& c, std::int64_t ffn) {
  return make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = ffn, .activation = c.activation, .bias = true},
                   mlp_names("fc1", "fc2"));
}

// One table for both sides and the head, under the name that the checkpoint kept.
std::string table(const Scope& s, const BartConfig& c) {
  const std::string shared = (s / c.prefix / "shared").path() + ".weight";
  return "/" + (s.source().has(shared) ? shared : (s / c.prefix / "encoder.embed_tokens").path() + ".weight");
}

struct Inputs {
  TokenEmbedding embedding;
  PositionEmbedding positions;
  LayerNorm norm;

  Inputs(const Scope& s, const BartConfig& c, const std::string& ids)
      : embedding(make<TokenEmbedding>(s / "embed_tokens",
                                       {.vocab_size = c.vocab, .hidden_dim = c.hidden, .scale = c.embedding_scale},
                                       {.weight = ids})),
        positions(make<PositionEmbedding>(s / "embed_positions",
                                          {.hidden_dim = c.hidden,
                                           .offset = kFirstPosition,
                                           .kind = LearnedPositions{.num_embeddings = c.positions + kFirstPosition}})),
        norm(make<LayerNorm>(s / "layernorm_embedding", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    embedding.forward(exec, step.ids, x);
    positions.forward_add(exec, step.batch.positions, x);
    norm.forward(exec, x, x);
  }
};

struct Encoder {
  struct Layer : NormAfterSumLayer<LayerNorm, MLP> {
    Layer(const Scope& s, const BartConfig& c)
        : NormAfterSumLayer{make<Attention>(s / "self_attn", attention_spec(c, c.heads, false), kAttentionNames),
                            make<LayerNorm>(s / "self_attn_layer_norm", norm_spec(c)), make_ffn(s, c, c.ffn),
                            make<LayerNorm>(s / "final_layer_norm", norm_spec(c))} {}
  };
  Inputs inputs;
  std::vector<Layer> layers;

  Encoder(const Scope& s, const BartConfig& c, const std::string& ids)
      : inputs(s / "encoder", c, ids), layers(make_layers<Layer>(s / "encoder.layers", c.layers, c)) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    inputs.forward(exec, step, x);
    for (const Layer& l : layers) l.forward(exec, step, x);
  }
};

struct Decoder {
  struct Layer {
    Attention attention;
    LayerNorm attention_norm;
    CrossAttention cross;
    LayerNorm cross_norm;
    MLP ffn;
    LayerNorm ffn_norm;

    Layer(const Scope& s, const BartConfig& c)
        : attention(make<Attention>(s / "self_attn", attention_spec(c, c.decoder_heads, true), kAttentionNames)),
          attention_norm(make<LayerNorm>(s / "self_attn_layer_norm", norm_spec(c))),
          cross(make<CrossAttention>(s / "encoder_attn", cross_spec(c), kAttentionNames)),
          cross_norm(make<LayerNorm>(s / "encoder_attn_layer_norm", norm_spec(c))),
          ffn(make_ffn(s, c, c.decoder_ffn)),
          ffn_norm(make<LayerNorm>(s / "final_layer_norm", norm_spec(c))) {}
  };
  Inputs inputs;
  std::vector<Layer> layers;

  Decoder(const Scope& s, const BartConfig& c, const std::string& ids)
      : inputs(s / "decoder", c, ids), layers(make_layers<Layer>(s / "decoder.layers", c.decoder_layers, c)) {}

  void store(Exec& exec, ConstTensorView x, const Step& source) const {
    for (const Layer& l : layers) l.cross.store(exec, x, source);
  }
  void forward(Exec& exec, const Step& step, TensorView x) const {
    inputs.forward(exec, step, x);
    for (const Layer& l : layers) {
      l.attention.forward_add(exec, x, step, x);
      l.attention_norm.forward(exec, x, x);
      l.cross.forward_add(exec, x, step, x);
      l.cross_norm.forward(exec, x, x);
      l.ffn.forward_add(exec, x, x);
      l.ffn_norm.forward(exec, x, x);
    }
  }
};

std::unique_ptr<EncoderHead> make_head(const Scope& s, const BartConfig& c, const std::string& ids) {
  if (c.output == OutputKind::kClasses) {
    return make_sequence_class_head(
        s, {.pooling = {.hidden_dim = c.hidden, .kind = PoolingKind::kLast},
            .transform = {.dense = {.input_dim = c.hidden, .output_dim = c.hidden, .activation = Activation::kTanh},
                          .dense_path = "classification_head.dense"},
            .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
            .classifier_path = "classification_head.out_proj"});
  }
  LMHead head = make<LMHead>(
      s / "lm_head",
      {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied, .bias = c.logits_bias},
      {.weight = c.tied ? ids : "weight", .bias = "/final_logits_bias"});
  return make_vocabulary_head(std::move(head), c.vocab);
}

std::unique_ptr<Model> make_bart(const Scope& s, const BartConfig& c) {
  const std::string ids = table(s, c);
  Encoder encoder(s / c.prefix, c, ids);
  Decoder decoder(s / c.prefix, c, ids);
  return std::make_unique<EncoderDecoderModel<Encoder, Decoder>>(
      EncoderInputs{.hidden = c.hidden, .vocab = c.vocab, .max_rows = c.positions}, std::move(encoder),
      std::move(decoder), make_head(s, c, ids));
}

}  // namespace

const Family& bart_family() {
  static constexpr std::string_view kModelTypes[] = {"bart"};
  static const Family family{.model_types = kModelTypes, .make = [](const Scope& scope, ConfigReader& config) {
                               return make_bart(scope, read_bart_config(config, scope));
                             }};
  return family;
}

}  // namespace ttt
