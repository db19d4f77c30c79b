#include "models/olmoe/olmoe.h"

#include "ffn/moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool attention_bias = false;
  std::optional<float> clip = {};  // of queries, keys and values
  MoESpec moe = {};
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, c.attention_bias);
  spec.qk_norm = RMSNormSpec{.eps = c.eps};
  spec.qk_norm_whole = true;
  spec.qkv_clip = c.clip;
  return spec;
}

struct Layer : PreNormLayer<RMSNorm, MoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<RMSNorm, MoE>(s, norm_spec(c), attention_spec(c, i), c.moe)) {}
};

// Where the configuration is silent: as OlmoeConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(config, scope,
                               {.shape = {.vocab = 50304, .hidden = 2048, .layers = 16, .heads = 16, .tied = false},
                                .ffn = 2048,
                                .eps = 1e-5,
                                .rope = {.max_positions = 4096, .rotates_part = config.has("gguf_architecture")}})};
  c.attention_bias = config.boolean("attention_bias", false);
  if (const auto clip = config.optional_number("clip_qkv", {.min = 0, .above_min = true})) {
    c.clip = static_cast<float>(*clip);
  }
  const std::int64_t experts =
      config.integer(config.has("num_local_experts") ? "num_local_experts" : "num_experts", 64, kCounts);
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = experts,
           .router = {.top_k = read_top_k(config, 8, experts), .renormalise = config.boolean("norm_topk_prob", false)},
           .expert = {.ffn_dim = c.ffn, .activation = c.activation}};
  config.finish();
  return c;
}

constexpr std::array kOwnKeys{
    GgufKey{"expert_count", "num_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
    GgufKey{"attention.clamp_kqv", "clip_qkv", GgufKeyKind::kNumber},
};
constexpr std::array kOwnTensors{
    GgufTensor{"blk.{}.attn_q_norm.weight", "model.layers.{}.self_attn.q_norm.weight"},
    GgufTensor{"blk.{}.attn_k_norm.weight", "model.layers.{}.self_attn.k_norm.weight"},
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.mlp.gate.weight"},
    GgufTensor{"blk.{}.ffn_gate_exps.weight", "model.layers.{}.mlp.experts.{}.gate_proj.weight"},
    GgufTensor{"blk.{}.ffn_up_exps.weight", "model.layers.{}.mlp.experts.{}.up_proj.weight"},
    GgufTensor{"blk.{}.ffn_down_exps.weight", "model.layers.{}.mlp.experts.{}.down_proj.weight"},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys, kOwnKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kAttentionTensors<>, kOwnTensors);
constexpr GgufSpelling kSpellings[] = {{.architecture = "olmoe",
                                        .model_type = "olmoe",
                                        .hf_architecture = "OlmoeForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete_rms_norm}};

}  // namespace

const Family& olmoe_family() {
  static constexpr std::string_view kModelTypes[] = {"olmoe"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
