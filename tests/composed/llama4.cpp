#include <algorithm>

#include "attention/attention.h"
#include "composed/decoder.h"
#include "composed/models.h"
#include "ffn/dense_or_moe.h"
#include "normalization/rmsnorm.h"

namespace ttt::composed {
namespace {

struct Config : Shape {
  RoPESpec rope = {};
  TemperatureSpec temperature = {};
  MoESpec moe = {};
  std::int64_t dense_ffn = 0, chunk = 0;
  std::vector<std::int64_t> with_rope = {}, moe_layers = {};
};

RMSNormSpec norm_spec(const Shape& c) { return {.dim = c.hidden, .eps = c.eps}; }

// Layers with positions see their chunk only, and norm q and k after the rotation: an L2 norm, which the rotation
// keeps. The others see everything, and their queries grow with the position.
AttentionSpec attention_spec(const Config& c, std::int64_t layer) {
  AttentionSpec spec{.hidden_dim = c.hidden, .num_heads = c.heads, .num_kv_heads = c.kv_heads, .head_dim = c.head_dim};
  if (c.with_rope.at(static_cast<std::size_t>(layer)) != 0) {
    spec.visible.chunk = c.chunk;
    spec.position = c.rope;
    spec.qk_norm = RMSNormSpec{.eps = c.eps, .affine = false};
  } else {
    spec.temperature = c.temperature;
  }
  return spec;
}

MoENames moe_names(std::int64_t ffn_dim) {
  MoENames names = stacked_experts(ffn_dim);
  for (TensorName* name : {&names.gate, &names.up, &names.down}) *name = transposed(*name);
  names.router = "router.weight";
  names.shared = below("shared_expert");
  return names;
}

bool is_moe(const Config& c, std::int64_t layer) {
  return std::ranges::find(c.moe_layers, layer) != c.moe_layers.end();
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(is_moe(c, i) ? DenseOrMoE(make<MoE>(s / "feed_forward", c.moe, moe_names(c.moe.expert.ffn_dim)))
                         : DenseOrMoE(make<GatedMLP>(s / "feed_forward", SwiGLU(c.hidden, c.dense_ffn)))) {}

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

std::unique_ptr<Model> make_llama4(const Scope& scope, ConfigReader& config) {
  Config c{read_shape(config, scope)};
  c.rope = rope_spec(config, scope.source(), c.head_dim, c.context);
  c.rope.layout = RotaryLayout::kInterleaved;
  c.temperature = {.scale = static_cast<float>(config.number("attn_scale")),
                   .floor_scale = config.integer("floor_scale")};
  c.chunk = config.integer("attention_chunk_size");
  c.dense_ffn = config.integer("intermediate_size_mlp");
  c.with_rope = config.integers("no_rope_layers");
  c.moe_layers = config.integers("moe_layers");
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("num_local_experts"),
           .router = {.score = RouterScore::kSigmoid, .top_k = config.integer("num_experts_per_tok")},
           .expert = {.ffn_dim = c.ffn, .weigh_input = true},
           .shared = SwiGLU(c.hidden, c.ffn)};
  return std::make_unique<Decoder<Layer, RMSNorm>>(scope, ends_of<RMSNorm>(c, norm_spec(c)), c.layers, c);
}

}  // namespace ttt::composed
