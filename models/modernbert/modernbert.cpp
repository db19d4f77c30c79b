#include "models/modernbert/modernbert.h"

#include "embeddings/token.h"
#include "normalization/layernorm.h"

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

AttentionNames names_of(const AttentionSpec& spec) {
  AttentionNames n = fused_names(spec, "Wqkv");
  n.o = "Wo.weight";
  n.o_bias = "Wo.bias";
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
    case OutputKind::kTokenClasses:
      return make_token_class_head(s, {.transform = transform,
                                       .classifier = {.input_dim = c.hidden, .output_dim = c.classes},
                                       .classifier_path = "classifier"});
    case OutputKind::kHiddenStates:
      break;
  }
  return make_state_head(c.hidden);
}

Attention make_attention(const Scope& s, const ModernBertConfig& c, std::int64_t layer) {
  const AttentionSpec spec = attention_spec(c, c.windows[static_cast<std::size_t>(layer)]);
  return make<Attention>(s, spec, names_of(spec));
}

struct Encoder {
  struct Layer {
    std::vector<LayerNorm> attention_norm;  // none in the first layer
    Attention attention;
    LayerNorm ffn_norm;
    GatedMLP ffn;

    Layer(const Scope& s, const ModernBertConfig& c, std::int64_t index)
        : attention(make_attention(s / "attn", c, index)),
          ffn_norm(make<LayerNorm>(s / "mlp_norm", norm_spec(c))),
          ffn(make<GatedMLP>(s / "mlp",
                             {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.ffn_bias},
                             gated_mlp_names(c.ffn, "Wi", "Wo"))) {
      if (index > 0) attention_norm.push_back(make<LayerNorm>(s / "attn_norm", norm_spec(c)));
    }
    void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
      TensorView input = x;
      for (const LayerNorm& norm : attention_norm) {
        norm.forward(exec, x, normed);
        input = normed;
      }
      attention.forward_add(exec, input, step, x);
      ffn_norm.forward(exec, x, normed);
      ffn.forward_add(exec, normed, x);
    }
  };
  TokenEmbedding embedding;
  LayerNorm embedding_norm;
  std::vector<Layer> layers;
  LayerNorm norm;

  Encoder(const Scope& s, const ModernBertConfig& c)
      : embedding(
            make<TokenEmbedding>(s / "embeddings.tok_embeddings", {.vocab_size = c.vocab, .hidden_dim = c.hidden})),
        embedding_norm(make<LayerNorm>(s / "embeddings.norm", norm_spec(c))),
        layers(make_layers<Layer>(s / "layers", c.layers, c)),
        norm(make<LayerNorm>(s / "final_norm", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView normed = frame.take(x.shape);
    embedding.forward(exec, step.ids, x);
    embedding_norm.forward(exec, x, x);
    for (const Layer& l : layers) l.forward(exec, step, x, normed);
    norm.forward(exec, x, x);
  }
};

std::unique_ptr<Model> make_modernbert(const Scope& s, const ModernBertConfig& c) {
  Encoder encoder(s / c.prefix, c);
  return std::make_unique<EncoderModel<Encoder>>(EncoderInputs{.hidden = c.hidden, .vocab = c.vocab},
                                                 std::move(encoder), make_head(s, c));
}

}  // namespace

const Family& modernbert_family() {
  static constexpr std::string_view kModelTypes[] = {"modernbert"};
  static const Family family{.model_types = kModelTypes, .make = [](const Scope& scope, ConfigReader& config) {
                               return make_modernbert(scope, read_modernbert_config(config, scope));
                             }};
  return family;
}

}  // namespace ttt
