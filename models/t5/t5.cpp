#include "models/t5/t5.h"

#include "attention/cross_attention.h"
#include "embeddings/token.h"
#include "models/decoder/layers.h"
#include "models/encoder/encoder.h"
#include "models/t5/t5_gguf.h"
#include "normalization/rmsnorm.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const T5Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const T5Config& c, bool encoder) {
  RelativeBiasSpec bias = c.bias;
  bias.bidirectional = encoder;
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.heads,
          .head_dim = c.head_dim,
          .scale = 1.0f,
          .visible = {.ahead = encoder ? Visible::kAll : 0},
          .position = bias};
}

CrossAttentionSpec cross_spec(const T5Config& c) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.heads,
          .head_dim = c.head_dim,
          .scale = 1.0f,
          .max_source_rows = c.source_rows};
}

// The first layer's bias serves all layers of its stack.
AttentionNames names_of(std::string_view stack) {
  AttentionNames names = attention_names("q", "k", "v", "o");
  names.relative_bias = text("/", stack, ".block.0.layer.0.SelfAttention.relative_attention_bias.weight");
  return names;
}

// One table for both sides, under the name that the checkpoint kept.
TokenEmbedding make_embedding(const Scope& s, const T5Config& c) {
  const bool shared = s.source().has("shared.weight");
  return make<TokenEmbedding>(s / "embed_tokens", {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                              {.weight = shared ? "/shared.weight" : "/encoder.embed_tokens.weight"});
}

PlainOrGatedMLP make_ffn(const Scope& s, const T5Config& c) {
  if (!c.gated) {
    return PlainOrGatedMLP(make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                                     mlp_names(c.plain_up, "wo")));
  }
  return PlainOrGatedMLP(make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                                        {.gate = "wi_0.weight", .up = "wi_1.weight", .down = "wo.weight"}));
}

struct Encoder {
  struct Layer : PreNormLayer<RMSNorm, PlainOrGatedMLP> {
    Layer(const Scope& s, const T5Config& c)
        : PreNormLayer{make<RMSNorm>(s / "layer.0.layer_norm", norm_spec(c)),
                       make<Attention>(s / "layer.0.SelfAttention", attention_spec(c, true), names_of("encoder")),
                       make<RMSNorm>(s / "layer.1.layer_norm", norm_spec(c)),
                       make_ffn(s / "layer.1.DenseReluDense", c)} {}
  };
  TokenEmbedding embedding;
  std::vector<Layer> layers;
  RMSNorm norm;

  Encoder(const Scope& s, const T5Config& c)
      : embedding(make_embedding(s / "encoder", c)),
        layers(make_layers<Layer>(s / "encoder.block", c.layers, c)),
        norm(make<RMSNorm>(s / "encoder.final_layer_norm", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView normed = frame.take(x.shape);
    embedding.forward(exec, step.ids, x);
    for (const Layer& l : layers) l.forward(exec, step, x, normed);
    norm.forward(exec, x, x);
  }
};

struct Decoder {
  struct Layer {
    RMSNorm attention_norm;
    Attention attention;
    RMSNorm cross_norm;
    CrossAttention cross;
    RMSNorm ffn_norm;
    PlainOrGatedMLP ffn;

    Layer(const Scope& s, const T5Config& c)
        : attention_norm(make<RMSNorm>(s / "layer.0.layer_norm", norm_spec(c))),
          attention(make<Attention>(s / "layer.0.SelfAttention", attention_spec(c, false), names_of("decoder"))),
          cross_norm(make<RMSNorm>(s / "layer.1.layer_norm", norm_spec(c))),
          cross(make<CrossAttention>(s / "layer.1.EncDecAttention", cross_spec(c), names_of("decoder"))),
          ffn_norm(make<RMSNorm>(s / "layer.2.layer_norm", norm_spec(c))),
          ffn(make_ffn(s / "layer.2.DenseReluDense", c)) {}
  };
  TokenEmbedding embedding;
  std::vector<Layer> layers;
  RMSNorm norm;

  Decoder(const Scope& s, const T5Config& c)
      : embedding(make_embedding(s / "decoder", c)),
        layers(make_layers<Layer>(s / "decoder.block", c.decoder_layers, c)),
        norm(make<RMSNorm>(s / "decoder.final_layer_norm", norm_spec(c))) {}

  void store(Exec& exec, ConstTensorView x, const Step& source) const {
    for (const Layer& l : layers) l.cross.store(exec, x, source);
  }
  void forward(Exec& exec, const Step& step, TensorView x) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView normed = frame.take(x.shape);
    embedding.forward(exec, step.ids, x);
    for (const Layer& l : layers) {
      l.attention_norm.forward(exec, x, normed);
      l.attention.forward_add(exec, normed, step, x);
      l.cross_norm.forward(exec, x, normed);
      l.cross.forward_add(exec, normed, step, x);
      l.ffn_norm.forward(exec, x, normed);
      l.ffn.forward_add(exec, normed, x);
    }
    norm.forward(exec, x, x);
  }
};

std::unique_ptr<Model> make_t5(const Scope& s, const T5Config& c) {
  const EncoderInputs inputs{.hidden = c.hidden, .vocab = c.vocab};
  Encoder encoder(s, c);
  if (c.output == OutputKind::kHiddenStates) {
    return std::make_unique<EncoderModel<Encoder>>(inputs, std::move(encoder), make_state_head(c.hidden));
  }
  Decoder decoder(s, c);
  LMHead head = make<LMHead>(
      s / "lm_head",
      {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied, .logit_scale = c.logit_scale},
      {.weight = c.tied ? "/shared.weight" : "weight"});
  return std::make_unique<EncoderDecoderModel<Encoder, Decoder>>(inputs, std::move(encoder), std::move(decoder),
                                                                 make_vocabulary_head(std::move(head), c.vocab));
}

}  // namespace

const Family& t5_family() {
  static constexpr std::string_view kModelTypes[] = {"t5"};
  static const Family family{
      .model_types = kModelTypes,
      .make = [](const Scope& scope, ConfigReader& config) { return make_t5(scope, read_t5_config(config, scope)); },
      .gguf = t5_gguf_spellings()};
  return family;
}

}  // namespace ttt
