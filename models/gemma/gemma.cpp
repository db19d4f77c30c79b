#include "models/gemma/gemma.h"

#include <cmath>

#include "attention/attention.h"
#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/gemma/gemma_gguf.h"
#include "normalization/rmsnorm.h"

namespace ttt {
namespace {

RMSNormSpec norm_spec(const GemmaConfig& c) { return {.dim = c.hidden, .eps = c.eps, .weight_offset = 1}; }

AttentionSpec attention_spec(const GemmaConfig& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, c.bias);
  if (c.windows[static_cast<std::size_t>(i)] > 0) spec.position = c.window_rope;
  spec.scale = c.scale;
  spec.soft_cap = c.score_cap;
  if (c.qk_norm) spec.qk_norm = RMSNormSpec{.eps = c.eps, .weight_offset = 1};
  return spec;
}

struct Layer {
  RMSNorm before_attention;
  Attention attention;
  RMSNorm after_attention, before_ffn;
  GatedMLP ffn;
  RMSNorm after_ffn;

  Layer(const Scope& s, const GemmaConfig& c, std::int64_t i)
      : before_attention(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        after_attention(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        before_ffn(make<RMSNorm>(s / "pre_feedforward_layernorm", norm_spec(c))),
        ffn(make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})),
        after_ffn(make<RMSNorm>(s / "post_feedforward_layernorm", norm_spec(c))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    before_attention.forward(exec, x, normed);
    attention.forward(exec, normed, step, normed);
    after_attention.forward_add(exec, normed, x);
    before_ffn.forward(exec, x, normed);
    ffn.forward(exec, normed, normed);
    after_ffn.forward_add(exec, normed, x);
  }
};

}  // namespace

const Family& gemma_family() {
  static constexpr std::string_view kModelTypes[] = {"gemma2", "gemma3_text"};
  static const Family family{
      .model_types = kModelTypes,
      .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
        const GemmaConfig c = read_gemma_config(config, scope.source(), scope.options().context);
        // The classes read hidden_activation; what else configurations of them carry.
        constexpr std::string_view kHarmless[] = {"cache_implementation", "hidden_act"};
        config.finish(kHarmless);
        const DecoderEnds<RMSNorm> ends{
            .norm = norm_spec(c), .embedding_scale = std::sqrt(static_cast<float>(c.hidden)), .logit_cap = c.logit_cap};
        return std::make_unique<DecoderModel<Layer, RMSNorm>>(scope, c, ends);
      },
      .gguf = gemma_gguf_spellings()};
  return family;
}

}  // namespace ttt
