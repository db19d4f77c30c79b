#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/moe.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
  MoESpec moe = {};
  std::int64_t window = 0;
  std::vector<std::string> kinds = {};
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t layer) {
  const bool window = c.kinds.at(static_cast<std::size_t>(layer)) == "sliding_attention";
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .visible = {.behind = window ? c.window - 1 : Visible::kAll},
          .position = c.rope,
          .q_bias = true,
          .k_bias = true,
          .v_bias = true,
          .o_bias = true,
          .sinks = true};
}

MoENames moe_names(const MoESpec& moe) {
  MoENames names = stacked_transposed_experts(moe.expert.ffn_dim);
  names.router = "router.weight";
  names.router_bias = "router.bias";
  return names;
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(make<MoE>(s / "mlp", c.moe, moe_names(c.moe))) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add(exec, normed, x);
  }

  RMSNorm attention_norm;
  Attention attention;
  RMSNorm ffn_norm;
  MoE ffn;
};

}  // namespace

std::unique_ptr<Model> make_gpt_oss(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  c.window = config.integer("sliding_window");
  c.kinds = config.strings("layer_types");
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("num_local_experts"),
           .router = {.score = RouterScore::kLogit,
                      .weight = RouterWeight::kSoftmaxOfSelected,
                      .top_k = config.integer("num_experts_per_tok"),
                      .bias = true},
           .expert = {.ffn_dim = c.ffn,
                      .bias = true,
                      .clamp = GateClamp{.limit = static_cast<float>(config.number("swiglu_limit")),
                                         .alpha = static_cast<float>(config.number("swiglu_alpha"))}}};
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends_of<RMSNorm>(c, norm_spec(c)), c.layers, c);
}

}  // namespace ttt::composed
