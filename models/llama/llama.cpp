#include "models/llama/llama.h"

#include "models/llama/llama_gguf.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const LlamaConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const LlamaConfig& c) {
  const bool bias = c.attention_bias;
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .position = c.rope,
          .q_bias = bias,
          .k_bias = bias,
          .v_bias = bias,
          .o_bias = bias};
}

GatedMLPSpec ffn_spec(const LlamaConfig& c) {
  return {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.mlp_bias};
}

}  // namespace

LlamaConfig read_llama_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  // Where the configuration is silent: as LlamaConfig of transformers.
  LlamaConfig c{read_decoder_shape(config, source, {.vocab = 32000, .hidden = 4096, .layers = 32, .heads = 32})};
  c.ffn = config.integer("intermediate_size", 11008, kWidths);
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.attention_bias = config.boolean("attention_bias", false);
  c.mlp_bias = config.boolean("mlp_bias", false);
  c.activation = activation_of(config, "hidden_act", "silu");
  const bool gguf = config.has("gguf_architecture");
  c.rope = rope_spec(config, source, c.head_dim, context, {.max_positions = 2048, .rotates_part = gguf});
  // Conversions from other families leave them behind; neither transformers nor llama.cpp has windows here.
  for (const char* key : {"sliding_window", "layer_types", "use_sliding_window", "max_window_layers"})
    config.ignore(key);
  return c;
}

Llama::Layer::Layer(const Scope& s, const LlamaConfig& c)
    : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
      attention(make<Attention>(s / "self_attn", attention_spec(c))),
      ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
      ffn(make<GatedMLP>(s / "mlp", ffn_spec(c))) {}

Llama::Llama(const Scope& s, const LlamaConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make<TokenEmbedding>(s / "model" / "embed_tokens", {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                                      {.weight = c.embedding})),
      layers_(make_layers<Layer>(s / "model" / "layers", c.layers, c)),
      final_norm_(make<RMSNorm>(s / "model" / "norm", norm_spec(c))),
      head_(make<LMHead>(s / "lm_head", {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied},
                         {.weight = c.head})) {}

void Llama::forward(Exec& exec, const Step& step, TensorView logits) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, x);
  for (const Layer& l : layers_) {
    l.attention_norm.forward(exec, x, normed);
    l.attention.forward_add(exec, normed, step, x);
    l.ffn_norm.forward(exec, x, normed);
    l.ffn.forward_add(exec, normed, x);
  }
  final_norm_.forward(exec, x, normed);
  head_.forward(exec, normed, step.wanted_rows, logits);
}

const Family& llama_family() {
  static constexpr std::string_view kModelTypes[] = {"llama"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const auto c = read_llama_config(config, scope.source(), scope.options().context);
                               config.finish();
                               return std::make_unique<Llama>(scope, c);
                             },
                             .gguf = llama_gguf_spellings()};
  return family;
}

}  // namespace ttt
