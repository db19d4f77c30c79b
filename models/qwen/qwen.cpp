#include "models/qwen/qwen.h"

#include "ffn/dense_or_moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/qwen/qwen_config.h"
#include "models/qwen/qwen_gguf.h"
#include "normalization/rmsnorm.h"

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

struct Layer : PreNormLayer<RMSNorm, DenseOrMoE> {
  Layer(const Scope& s, const QwenConfig& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, c.windows[static_cast<std::size_t>(i)])),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
                     make_ffn(s / "mlp", c, c.sparse[static_cast<std::size_t>(i)])} {}
};

}  // namespace

const Family& qwen_family() {
  static constexpr std::string_view kModelTypes[] = {"qwen2", "qwen3", "qwen2_moe", "qwen3_moe"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const QwenConfig c = read_qwen_config(config, scope.source(), scope.options().context);
                               config.finish();
                               return std::make_unique<DecoderModel<Layer, RMSNorm>>(
                                   scope, c, DecoderEnds<RMSNorm>{.norm = norm_spec(c)});
                             },
                             .gguf = qwen_gguf_spellings()};
  return family;
}

}  // namespace ttt
