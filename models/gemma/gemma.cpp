#include "models/gemma/gemma.h"

#include <cmath>

#include "models/gemma/gemma_gguf.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const GemmaConfig& c) { return {.dim = c.hidden, .eps = c.eps, .weight_offset = 1}; }

AttentionSpec attention_spec(const GemmaConfig& c, std::int64_t window) {
  AttentionSpec spec{.hidden_dim = c.hidden,
                     .num_heads = c.heads,
                     .num_kv_heads = c.kv_heads,
                     .head_dim = c.head_dim,
                     .scale = c.scale,
                     .visible = {.behind = window > 0 ? window - 1 : Visible::kAll},
                     .position = window > 0 ? c.window_rope : c.rope,
                     .soft_cap = c.score_cap,
                     .q_bias = c.bias,
                     .k_bias = c.bias,
                     .v_bias = c.bias,
                     .o_bias = c.bias};
  if (c.qk_norm) spec.qk_norm = RMSNormSpec{.eps = c.eps, .weight_offset = 1};
  return spec;
}

}  // namespace

Gemma::Layer::Layer(const Scope& s, const GemmaConfig& c, std::int64_t i)
    : before_attention(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
      attention(make<Attention>(s / "self_attn", attention_spec(c, c.windows[static_cast<std::size_t>(i)]))),
      after_attention(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
      before_ffn(make<RMSNorm>(s / "pre_feedforward_layernorm", norm_spec(c))),
      ffn(make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})),
      after_ffn(make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))) {}

Gemma::Gemma(const Scope& s, const GemmaConfig& c)
    : hidden_(c.hidden),
      vocab_(c.vocab),
      embedding_(make<TokenEmbedding>(
          s / "model" / "embed_tokens",
          {.vocab_size = c.vocab, .hidden_dim = c.hidden, .scale = std::sqrt(static_cast<float>(c.hidden))},
          {.weight = c.embedding})),
      layers_(make_layers<Layer>(s / "model" / "layers", c.layers, c)),
      final_norm_(make<RMSNorm>(s / "model" / "norm", norm_spec(c))),
      head_(make<LMHead>(
          s / "lm_head",
          {.hidden_dim = c.hidden, .vocab_size = c.vocab, .tie_word_embeddings = c.tied, .soft_cap = c.logit_cap},
          {.weight = c.head})) {}

void Gemma::forward(Exec& exec, const Step& step, TensorView logits) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView x = frame.take({step.rows(), hidden_}), normed = frame.take({step.rows(), hidden_});
  embedding_.forward(exec, step.ids, x);
  for (const Layer& l : layers_) {
    l.before_attention.forward(exec, x, normed);
    l.attention.forward(exec, normed, step, normed);
    l.after_attention.forward_add(exec, normed, x);
    l.before_ffn.forward(exec, x, normed);
    l.ffn.forward(exec, normed, normed);
    l.after_ffn.forward_add(exec, normed, x);
  }
  final_norm_.forward(exec, x, normed);
  head_.forward(exec, normed, step.wanted_rows, logits);
}

const Family& gemma_family() {
  static constexpr std::string_view kModelTypes[] = {"gemma2", "gemma3_text"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const GemmaConfig c = read_gemma_config(config, scope.source(), scope.options().context);
                               // The classes read hidden_activation; what else configurations of them carry.
                               constexpr std::string_view kHarmless[] = {"cache_implementation", "hidden_act"};
                               config.finish(kHarmless);
                               return std::make_unique<Gemma>(scope, c);
                             },
                             .gguf = gemma_gguf_spellings()};
  return family;
}

}  // namespace ttt
