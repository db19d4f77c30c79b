#include "models/deepseek/deepseek.h"

#include "ffn/dense_or_moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/deepseek/deepseek_gguf.h"
#include "normalization/rmsnorm.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  float eps = 0;
  std::int64_t dense_layers = 0;
  MultiHeadLatentAttentionSpec attention = {};
  GatedMLPSpec dense = {};
  MoESpec moe = {};
  bool split_kv = false;  // GGUF files keep what gives keys and what gives values apart
};

// What the class does whatever the key says: another value has no effect there.
void fixed(ConfigReader& config, std::string_view key, const Json& value) {
  const Json* v = config.value(key);
  if (v != nullptr && *v != value) config.ignore(key);
}

MultiHeadLatentAttentionSpec read_attention(ConfigReader& config, WeightSource& source, std::int64_t context,
                                            const Config& c, bool third) {
  const bool whole_queries = config.present("q_lora_rank") && !config.has("q_lora_rank");
  MultiHeadLatentAttentionSpec s{.hidden_dim = c.hidden,
                                 .num_heads = c.heads,
                                 .q_lora_rank = whole_queries ? 0 : config.integer("q_lora_rank", 1536, kWidths),
                                 .kv_lora_rank = config.integer("kv_lora_rank", 512, kWidths),
                                 .qk_nope_head_dim = config.integer("qk_nope_head_dim", 128, kCounts),
                                 .qk_rope_head_dim = config.integer("qk_rope_head_dim", 64, kCounts),
                                 .v_head_dim = config.integer("v_head_dim", 128, kCounts),
                                 .bias = config.boolean("attention_bias", false)};
  // Of no use here, but the class divides by it. Silence is a number of the largest model in the third generation.
  if (third && !config.present("num_key_value_heads") && c.heads != 128) {
    config.unsupported("num_key_value_heads", text("is supported as ", c.heads, " only, got 128"));
  }
  config.only("num_key_value_heads", Json(c.heads));
  third ? config.only("head_dim", Json(s.qk_rope_head_dim)) : config.ignore("head_dim");
  s.rope = rope_spec(config, source, s.qk_rope_head_dim, context,
                     {.max_positions = third ? 4096 : 2048, .rotates_part = false});
  if (!third || config.boolean("rope_interleave", !config.present("rope_interleave"))) {
    s.rope.layout = RotaryLayout::kInterleaved;
  }
  return s;
}

RouterSpec read_router(ConfigReader& config, bool third) {
  RouterSpec r{.top_k = third ? config.integer("num_experts_per_tok", 8, kCounts)
                              : config.integer("num_experts_per_tok", kCounts),
               .routed_scale = static_cast<float>(config.number("routed_scaling_factor", third ? 2.5 : 1.0))};
  if (third) {
    r.score = RouterScore::kSigmoid;
    r.groups = config.integer("n_group", 8, kCounts);
    r.groups_used = config.integer("topk_group", 4, kCounts);
    r.group_top = 2;
    r.selection_bias = true;
    r.renormalise = config.boolean("norm_topk_prob", true);
    fixed(config, "topk_method", Json("noaux_tc"));
    fixed(config, "scoring_func", Json("sigmoid"));
    return r;
  }
  const std::string method = config.string("topk_method", "greedy");
  if (method != "greedy" && method != "group_limited_greedy") {
    config.unsupported("topk_method", text("\"", method, "\" is not supported for deepseek_v2"));
  }
  const bool grouped = method != "greedy";
  r.groups = grouped ? config.integer("n_group", kCounts) : 1;
  r.groups_used = grouped ? config.integer("topk_group", kCounts) : 1;
  for (const char* key : {"n_group", "topk_group"}) config.has(key);
  fixed(config, "norm_topk_prob", Json(false));
  fixed(config, "scoring_func", Json("softmax"));
  return r;
}

Config read_config(ConfigReader& config, const Scope& scope) {
  const bool third = config.string("model_type") == "deepseek_v3";
  // Where the configuration is silent: as DeepseekV2Config and DeepseekV3Config of transformers.
  Config c{read_decoder_shape(config, scope.source(),
                              {.vocab = third ? 129280 : 102400,
                               .hidden = third ? 7168 : 4096,
                               .layers = third ? 61 : 32,
                               .heads = third ? 128 : 32,
                               .tied = false},
                              {.kv_heads = {}, .head_dim = {}})};
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6, {.min = 0}));
  c.attention = read_attention(config, scope.source(), scope.options().context, c, third);
  c.split_kv = scope.source().has("model.layers.0.self_attn.k_b_proj.weight") && config.has("gguf_architecture");
  c.dense_layers = config.integer("first_k_dense_replace", third ? 3 : 0);
  const Activation activation = activation_of(config, "hidden_act", "silu");
  c.dense = {.hidden_dim = c.hidden,
             .ffn_dim = config.integer("intermediate_size", third ? 18432 : 11008, kWidths),
             .activation = activation};
  if (third) {
    config.ignore("mlp_bias");
  } else {
    c.dense.bias = config.boolean("mlp_bias", false);
  }
  const std::int64_t width = config.integer("moe_intermediate_size", third ? 2048 : 1407, kWidths);
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("n_routed_experts", third ? 256 : 64, kCounts),
           .router = read_router(config, third),
           .expert = {.ffn_dim = width, .activation = activation},
           .shared = c.dense};
  c.moe.shared->ffn_dim = width * config.integer("n_shared_experts", third ? 1 : 2, kCounts);
  fixed(config, "moe_layer_freq", Json(1));
  // Training, other ways to run the same, and layers that predict further tokens, which the class leaves out.
  constexpr std::string_view kHarmless[] = {"aux_loss_alpha",           "seq_aux",        "ep_size",
                                            "num_nextn_predict_layers", "num_mtp_layers", "qk_head_dim"};
  config.finish(kHarmless);
  return c;
}

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

DenseOrMoE make_ffn(const Scope& s, const Config& c, std::int64_t layer) {
  return layer < c.dense_layers ? DenseOrMoE(make<GatedMLP>(s, c.dense)) : DenseOrMoE(make<MoE>(s, c.moe));
}

MultiHeadLatentAttention make_attention(const Scope& s, const Config& c) {
  MultiHeadLatentAttentionNames names;
  if (c.split_kv) {
    names.k_b = "k_b_proj.weight";
    names.v_b = "v_b_proj.weight";
  }
  return make<MultiHeadLatentAttention>(s, c.attention, names);
}

struct Layer : PreNormLayer<RMSNorm, DenseOrMoE, MultiHeadLatentAttention> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)), make_attention(s / "self_attn", c),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)), make_ffn(s / "mlp", c, i)} {}
};

}  // namespace

const Family& deepseek_family() {
  static constexpr std::string_view kModelTypes[] = {"deepseek_v2", "deepseek_v3"};
  static const Family family{.model_types = kModelTypes,
                             .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>,
                             .gguf = deepseek_gguf_spellings()};
  return family;
}

}  // namespace ttt
