#include "models/t5/t5.h"

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
AttentionNames names_of(const std::string& stack) {
  return {.q = "q.weight",
          .k = "k.weight",
          .v = "v.weight",
          .o = "o.weight",
          .relative_bias = text("/", stack, ".block.0.layer.0.SelfAttention.relative_attention_bias.weight")};
}

TokenEmbedding make_embedding(const Scope& s, const T5Config& c) {
  const bool shared = s.source().has("shared.weight");
  return make<TokenEmbedding>(s / "shared", {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                              {.weight = shared ? "weight" : "/encoder.embed_tokens.weight"});
}

}  // namespace

T5FeedForward::T5FeedForward(const Scope& s, const T5Config& c) {
  if (c.gated) {
    gated_.push_back(make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                                    {.gate = "wi_0.weight", .up = "wi_1.weight", .down = "wo.weight"}));
  } else {
    plain_.push_back(make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation},
                               {.up = "wi.weight", .down = "wo.weight"}));
  }
}

void T5FeedForward::forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
  for (const MLP& ffn : plain_) ffn.forward_add(exec, x, y);
  for (const GatedMLP& ffn : gated_) ffn.forward_add(exec, x, y);
}

T5Encoder::Layer::Layer(const Scope& s, const T5Config& c)
    : attention_norm(make<RMSNorm>(s / "layer.0.layer_norm", norm_spec(c))),
      attention(make<Attention>(s / "layer.0.SelfAttention", attention_spec(c, true), names_of("encoder"))),
      ffn_norm(make<RMSNorm>(s / "layer.1.layer_norm", norm_spec(c))),
      ffn(s / "layer.1.DenseReluDense", c) {}

T5Encoder::T5Encoder(const Scope& s, const T5Config& c)
    : layers_(make_layers<Layer>(s / "encoder.block", c.layers, c)),
      norm_(make<RMSNorm>(s / "encoder.final_layer_norm", norm_spec(c))) {}

void T5Encoder::forward(Exec& exec, const Step& step, TensorView x) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView normed = frame.take(x.shape);
  for (const Layer& l : layers_) {
    l.attention_norm.forward(exec, x, normed);
    l.attention.forward_add(exec, normed, step, x);
    l.ffn_norm.forward(exec, x, normed);
    l.ffn.forward_add(exec, normed, x);
  }
  norm_.forward(exec, x, x);
}

T5::Layer::Layer(const Scope& s, const T5Config& c)
    : attention_norm(make<RMSNorm>(s / "layer.0.layer_norm", norm_spec(c))),
      attention(make<Attention>(s / "layer.0.SelfAttention", attention_spec(c, false), names_of("decoder"))),
      cross_norm(make<RMSNorm>(s / "layer.1.layer_norm", norm_spec(c))),
      cross(make<CrossAttention>(s / "layer.1.EncDecAttention", cross_spec(c), names_of("decoder"))),
      ffn_norm(make<RMSNorm>(s / "layer.2.layer_norm", norm_spec(c))),
      ffn(s / "layer.2.DenseReluDense", c) {}

T5::T5(const Scope& s, const T5Config& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make_embedding(s, c)),
      encoder_(s, c),
      layers_(make_layers<Layer>(s / "decoder.block", c.decoder_layers, c)),
      norm_(make<RMSNorm>(s / "decoder.final_layer_norm", norm_spec(c))),
      head_(make<LMHead>(
          s / "lm_head",
          {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied, .logit_scale = c.logit_scale},
          {.weight = c.tied ? "/shared.weight" : "weight"})) {}

void T5::encode(Exec& exec, const Step& source) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({source.rows(), hidden_});
  embedding_.forward(exec, source.ids, x);
  encoder_.forward(exec, source, x);
  for (const Layer& l : layers_) l.cross.store(exec, x, source);
}

void T5::forward(Exec& exec, const Step& step, TensorView logits) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, x);
  for (const Layer& l : layers_) {
    l.attention_norm.forward(exec, x, normed);
    l.attention.forward_add(exec, normed, step, x);
    l.cross_norm.forward(exec, x, normed);
    l.cross.forward_add(exec, normed, step, x);
    l.ffn_norm.forward(exec, x, normed);
    l.ffn.forward_add(exec, normed, x);
  }
  norm_.forward(exec, x, normed);
  head_.forward(exec, normed, step.wanted_rows, logits);
}

T5States::T5States(const Scope& s, const T5Config& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make_embedding(s, c)),
      encoder_(s, c),
      head_(make_state_head(c.hidden)) {}

void T5States::forward(Exec& exec, const Step& step, TensorView states) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, x);
  encoder_.forward(exec, step, x);
  head_->forward(exec, step, x, states);
}

const Family& t5_family() {
  static constexpr std::string_view kModelTypes[] = {"t5"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const T5Config c = read_t5_config(config, scope);
                               if (c.output == OutputKind::kHiddenStates) return std::make_unique<T5States>(scope, c);
                               return std::make_unique<T5>(scope, c);
                             }};
  return family;
}

}  // namespace ttt
