#include <algorithm>

#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/dense_or_moe.h"
#include "composed/models.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
  MoESpec moe = {};
  std::vector<std::int64_t> dense_layers = {};
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .position = c.rope,
          .q_bias = true,
          .k_bias = true,
          .v_bias = true};
}

MoENames moe_names() {
  MoENames names;
  names.shared = below("shared_expert");
  return names;
}

bool is_dense(const Config& c, std::int64_t layer) {
  return std::ranges::find(c.dense_layers, layer) != c.dense_layers.end();
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c))),
        ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(is_dense(c, i) ? DenseOrMoE(make<GatedMLP>(s / "mlp", SwiGLU(c.hidden, c.ffn)))
                           : DenseOrMoE(make<MoE>(s / "mlp", c.moe, moe_names()))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }

  RMSNorm attention_norm;
  Attention attention;
  RMSNorm ffn_norm;
  DenseOrMoE ffn;
};

}  // namespace

std::unique_ptr<Model> make_qwen2_moe(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  c.dense_layers = config.integers("mlp_only_layers");
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("num_experts"),
           .router = {.top_k = config.integer("num_experts_per_tok"), .renormalise = config.boolean("norm_topk_prob")},
           .expert = {.ffn_dim = config.integer("moe_intermediate_size")},
           .shared = SwiGLU(c.hidden, config.integer("shared_expert_intermediate_size")),
           .shared_gate = true};
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends_of<RMSNorm>(c, norm_spec(c)), c.layers, c);
}

}  // namespace ttt::composed
