#include "models/granite/granite.h"

#include "ffn/gated_mlp.h"
#include "ffn/moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/granite/granite_gguf.h"
#include "normalization/rmsnorm.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool attention_bias = false, mlp_bias = false;
  float embedding_scale = 1, residual_scale = 1, score_scale = 1, logits_divisor = 1;
  std::int64_t experts = 0, top_k = 0, shared_ffn = 0;  // of those with experts
  bool fused = true;  // gate and up in one tensor, all experts in one: as directories have them
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, c.attention_bias);
  spec.scale = c.score_scale;
  return spec;
}

MoENames moe_names(const Config& c, const std::string& shared) {
  MoENames names = c.fused ? stacked_experts(c.ffn, "input_linear.weight", "output_linear.weight") : MoENames();
  names.router = "router.layer.weight";
  if (c.shared_ffn == 0) return names;
  names.shared = c.fused ? fused_gate_up(c.shared_ffn, shared + ".input_linear.weight") : below(shared);
  names.shared.down = shared + ".output_linear.weight";
  return names;
}

GatedMLP make_ffn(const Scope& s, const Config& c, GatedMLP*) {
  return make<GatedMLP>(s / "mlp",
                        {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.mlp_bias});
}

MoE make_ffn(const Scope& s, const Config& c, MoE*) {
  MoESpec spec{.hidden_dim = c.hidden,
               .num_experts = c.experts,
               .router = {.top_k = c.top_k, .renormalise = true},  // of the softmax over all: that of the chosen
               .expert = {.ffn_dim = c.ffn, .activation = c.activation}};
  if (c.shared_ffn > 0) {
    spec.shared = GatedMLPSpec{.hidden_dim = c.hidden, .ffn_dim = c.shared_ffn, .activation = c.activation};
  }
  return make<MoE>(s / "block_sparse_moe", spec, moe_names(c, text("/", s.path(), ".shared_mlp")));
}

template <class FeedForward>
struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : attention_norm(make<RMSNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, i))),
        ffn_norm(make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c))),
        ffn(make_ffn(s, c, static_cast<FeedForward*>(nullptr))),
        scale(c.residual_scale) {}

  // x += scale * attention(norm(x)); x += scale * ffn(norm(x))
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    attention_norm.forward(exec, x, normed);
    attention.forward_add_scaled(exec, normed, step, x, scale);
    ffn_norm.forward(exec, x, normed);
    ffn.forward_add_scaled(exec, normed, x, scale);
  }

  RMSNorm attention_norm;
  Attention attention;
  RMSNorm ffn_norm;
  FeedForward ffn;
  float scale;
};

// Where the configuration is silent: as GraniteConfig, GraniteMoeConfig and GraniteMoeSharedConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope, const std::string& type) {
  Config c{read_decoder_config(config, scope,
                               {.shape = {.vocab = 32000, .hidden = 4096, .layers = 32, .heads = 32, .tied = false},
                                .ffn = 11008,
                                .rope = {.max_positions = 2048, .rotates_part = config.has("gguf_architecture")}})};
  const auto multiplier = [&](const char* key) { return static_cast<float>(config.number(key, 1.0)); };
  c.embedding_scale = multiplier("embedding_multiplier");
  c.residual_scale = multiplier("residual_multiplier");
  c.score_scale = multiplier("attention_multiplier");
  c.logits_divisor = static_cast<float>(config.number("logits_scaling", 1.0, {.min = 0, .above_min = true}));
  c.attention_bias = config.boolean("attention_bias", false);
  if (type == "granite") {
    c.mlp_bias = config.boolean("mlp_bias", false);
    return c;
  }
  c.fused = !config.has("gguf_architecture");
  c.experts = config.integer("num_local_experts", 8, kCounts);
  c.top_k = read_top_k(config, 2, c.experts);
  if (type == "granitemoeshared") c.shared_ffn = config.integer("shared_intermediate_size", 0, {.max = kWidths.max});
  return c;
}

}  // namespace

const Family& granite_family() {
  static constexpr std::string_view kModelTypes[] = {"granite", "granitemoe", "granitemoeshared"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const std::string type = config.string("model_type");
                               const Config c = read_config(config, scope, type);
                               config.finish();
                               const DecoderEnds<RMSNorm> ends{.norm = norm_spec(c),
                                                               .embedding_scale = c.embedding_scale,
                                                               .logit_scale = 1 / c.logits_divisor};
                               if (type == "granite")
                                 return std::make_unique<DecoderModel<Layer<GatedMLP>, RMSNorm>>(scope, c, ends);
                               return std::make_unique<DecoderModel<Layer<MoE>, RMSNorm>>(scope, c, ends);
                             },
                             .gguf = granite_gguf_spellings()};
  return family;
}

}  // namespace ttt
