#include "models/qwen/qwen.h"

#include "models/qwen/qwen_gguf.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const QwenConfig& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const QwenConfig& c, std::int64_t window) {
  AttentionSpec spec{.hidden_dim = c.hidden,
                     .num_heads = c.heads,
                     .num_kv_heads = c.kv_heads,
                     .head_dim = c.head_dim,
                     .visible = {.behind = window > 0 ? window - 1 : Visible::kAll},
                     .position = c.rope,
                     .q_bias = c.qkv_bias,
                     .k_bias = c.qkv_bias,
                     .v_bias = c.qkv_bias,
                     .o_bias = c.o_bias};
  if (c.qk_norm) spec.qk_norm = RMSNormSpec{.eps = c.eps};
  return spec;
}

DenseOrMoE make_ffn(const Scope& s, const QwenConfig& c, bool sparse) {
  if (!sparse) {
    return DenseOrMoE(make<GatedMLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation}));
  }
  MoENames names;
  names.shared = below("shared_expert");
  return DenseOrMoE(make<MoE>(s, c.moe, names));
}

}  // namespace

Qwen::Layer::Layer(const Scope& s, const QwenConfig& c, std::int64_t i)
    : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
      attention(make<Attention>(s / "self_attn", attention_spec(c, c.windows[static_cast<std::size_t>(i)]))),
      ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
      ffn(make_ffn(s / "mlp", c, c.sparse[static_cast<std::size_t>(i)])) {}

Qwen::Qwen(const Scope& s, const QwenConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make<TokenEmbedding>(s / "model" / "embed_tokens", {.vocab_size = c.vocab, .hidden_dim = c.hidden},
                                      {.weight = c.embedding})),
      layers_(make_layers<Layer>(s / "model" / "layers", c.layers, c)),
      final_norm_(make<RMSNorm>(s / "model" / "norm", norm_spec(c))),
      head_(make<LMHead>(s / "lm_head", {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied},
                         {.weight = c.head})) {}

void Qwen::forward(Exec& exec, const Step& step, TensorView logits) const {
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

const Family& qwen_family() {
  static constexpr std::string_view kModelTypes[] = {"qwen2", "qwen3", "qwen2_moe", "qwen3_moe"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const QwenConfig c = read_qwen_config(config, scope.source(), scope.options().context);
                               config.finish();
                               return std::make_unique<Qwen>(scope, c);
                             },
                             .gguf = qwen_gguf_spellings()};
  return family;
}

}  // namespace ttt
