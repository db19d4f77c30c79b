#include "attention/latent_attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/dense_or_moe.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  MultiHeadLatentAttentionSpec attention = {};
  MoESpec moe = {};
  std::int64_t dense_layers = 0;
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps}; }

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<MultiHeadLatentAttention>(s / "self_attn", c.attention)),
        ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(i < c.dense_layers ? DenseOrMoE(make<GatedMLP>(s / "mlp", SwiGLU(c.hidden, c.ffn)))
                               : DenseOrMoE(make<MoE>(s / "mlp", c.moe))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }

  RMSNorm attention_norm;
  MultiHeadLatentAttention attention;
  RMSNorm ffn_norm;
  DenseOrMoE ffn;
};

MultiHeadLatentAttentionSpec attention_spec(ConfigReader& config, const Scope& scope, const Shape& c) {
  MultiHeadLatentAttentionSpec spec{.hidden_dim = c.hidden,
                                    .num_heads = c.heads,
                                    .q_lora_rank = config.integer("q_lora_rank"),
                                    .kv_lora_rank = config.integer("kv_lora_rank"),
                                    .qk_nope_head_dim = config.integer("qk_nope_head_dim"),
                                    .qk_rope_head_dim = config.integer("qk_rope_head_dim"),
                                    .v_head_dim = config.integer("v_head_dim")};
  spec.rope = rope_spec(config, scope.source(), spec.qk_rope_head_dim, c.context);
  spec.rope.layout = RotaryLayout::kInterleaved;
  return spec;
}

}  // namespace

std::unique_ptr<Model> make_deepseek_v3(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.attention = attention_spec(config, scope, c);
  c.dense_layers = config.integer("first_k_dense_replace");
  const std::int64_t width = config.integer("moe_intermediate_size");
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("n_routed_experts"),
           .router = {.score = RouterScore::kSigmoid,
                      .top_k = config.integer("num_experts_per_tok"),
                      .groups = config.integer("n_group"),
                      .groups_used = config.integer("topk_group"),
                      .group_top = 2,
                      .selection_bias = true,
                      .renormalise = config.boolean("norm_topk_prob"),
                      .routed_scale = static_cast<float>(config.number("routed_scaling_factor"))},
           .expert = {.ffn_dim = width},
           .shared = SwiGLU(c.hidden, width * config.integer("n_shared_experts"))};
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends_of<RMSNorm>(c, norm_spec(c)), c.layers, c);
}

}  // namespace ttt::composed
