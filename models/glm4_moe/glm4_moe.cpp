#include "models/glm4_moe/glm4_moe.h"

#include "ffn/dense_or_moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/glm4_moe/glm4_moe_gguf.h"
#include "normalization/rmsnorm.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  float eps = 0;
  bool bias = false, qk_norm = false;
  std::int64_t dense_layers = 0;
  RoPESpec rope = {};
  GatedMLPSpec dense = {};
  MoESpec moe = {};
};

RouterSpec read_router(ConfigReader& config) {
  return {.score = RouterScore::kSigmoid,
          .top_k = config.integer("num_experts_per_tok", 8, kCounts),
          .groups = config.integer("n_group", 1, kCounts),
          .groups_used = config.integer("topk_group", 1, kCounts),
          .group_top = 2,
          .selection_bias = true,
          .renormalise = config.boolean("norm_topk_prob", true),
          .routed_scale = static_cast<float>(config.number("routed_scaling_factor", 1.0))};
}

Config read_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as Glm4MoeConfig of transformers.
  Config c{
      read_decoder_shape(config, scope.source(),
                         {.vocab = 151552, .hidden = 4096, .layers = 46, .heads = 96, .kv_heads = 8, .tied = false})};
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-5, {.min = 0}));
  c.bias = config.boolean("attention_bias", false);
  c.qk_norm = config.boolean("use_qk_norm", false);
  c.rope =
      rope_spec(config, scope.source(), c.head_dim, scope.options().context, {.max_positions = 131072, .part = 0.5});
  c.dense_layers = config.integer("first_k_dense_replace", 1);
  const Activation activation = activation_of(config, "hidden_act", "silu");
  c.dense = {
      .hidden_dim = c.hidden, .ffn_dim = config.integer("intermediate_size", 10944, kWidths), .activation = activation};
  const std::int64_t width = config.integer("moe_intermediate_size", 1408, kWidths);
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("n_routed_experts", 128, kCounts),
           .router = read_router(config),
           .expert = {.ffn_dim = width, .activation = activation},
           .shared = c.dense};
  c.moe.shared->ffn_dim = width * config.integer("n_shared_experts", 1, kCounts);
  // Layers that predict further tokens, which the class leaves out.
  constexpr std::string_view kHarmless[] = {"num_nextn_predict_layers", "num_mtp_layers"};
  config.finish(kHarmless);
  return c;
}

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c) {
  AttentionSpec spec{.hidden_dim = c.hidden,
                     .num_heads = c.heads,
                     .num_kv_heads = c.kv_heads,
                     .head_dim = c.head_dim,
                     .position = c.rope,
                     .q_bias = c.bias,
                     .k_bias = c.bias,
                     .v_bias = c.bias};
  if (c.qk_norm) spec.qk_norm = RMSNormSpec{.eps = c.eps};
  return spec;
}

DenseOrMoE make_ffn(const Scope& s, const Config& c, std::int64_t layer) {
  return layer < c.dense_layers ? DenseOrMoE(make<GatedMLP>(s, c.dense)) : DenseOrMoE(make<MoE>(s, c.moe));
}

struct Layer : PreNormLayer<RMSNorm, DenseOrMoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c)),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)), make_ffn(s / "mlp", c, i)} {}
};

}  // namespace

const Family& glm4_moe_family() {
  static constexpr std::string_view kModelTypes[] = {"glm4_moe"};
  static const Family family{.model_types = kModelTypes,
                             .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>,
                             .gguf = glm4_moe_gguf_spellings()};
  return family;
}

}  // namespace ttt
