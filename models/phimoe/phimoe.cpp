#include "models/phimoe/phimoe.h"

#include <variant>

#include "ffn/moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/expert_names.h"
#include "models/decoder/layers.h"
#include "models/phi3/phi3_gguf.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  std::int64_t experts = 0;
  float tolerance = 0;
  bool attention_bias = false, head_bias = false;
};

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

MoESpec moe_spec(const Config& c) {
  return {.hidden_dim = c.hidden,
          .num_experts = c.experts,
          .router = {.score = RouterScore::kLogit,
                     .weight = RouterWeight::kSparseMixer,
                     .tolerance = c.tolerance,
                     .top_k = 2},
          .expert = {.ffn_dim = c.ffn, .activation = c.activation}};
}

struct Layer : PreNormLayer<LayerNorm, MoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<LayerNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, i, c.attention_bias)),
                     make<LayerNorm>(s / "post_attention_layernorm", norm_spec(c)),
                     make<MoE>(s / "block_sparse_moe", moe_spec(c), numbered_expert_weights())} {}
};

// Where the configuration is silent: as PhimoeConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 32064, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 8, .tied = false},
       .ffn = 6400,
       .eps = 1e-5,
       .rope = {.theta = 1e6, .max_positions = 131072, .rotates_part = false, .longrope_mscales = true}})};
  const bool known =
      std::holds_alternative<NoScaling>(c.rope.scaling) || std::holds_alternative<LongRoPEScaling>(c.rope.scaling);
  if (!known) config.unsupported("rope_parameters", "has a rope_type that this model has not: wanted longrope");
  // The reference computes the frequencies of short sequences for all, and only chooses the mscale by the length.
  if (auto* longrope = std::get_if<LongRoPEScaling>(&c.rope.scaling)) longrope->long_factor = longrope->short_factor;
  c.windows.assign(static_cast<std::size_t>(c.layers), read_window(config, 0));
  c.experts = config.integer("num_local_experts", 16, kCounts);
  if (read_top_k(config, 2, c.experts) != 2) {
    config.unsupported("num_experts_per_tok", "wanted 2, which is what the reference chooses whatever it says");
  }
  c.tolerance = static_cast<float>(2 * config.number("router_jitter_noise", 0.01, {.min = 0}));
  config.ignore("input_jitter_noise");  // of training
  c.attention_bias = config.boolean("attention_bias", false);
  c.head_bias = config.boolean("lm_head_bias", false);
  config.finish();
  return c;
}

DecoderEnds<LayerNorm> ends(const Config& c) { return {.norm = norm_spec(c), .head_bias = c.head_bias}; }

constexpr std::array kOwnKeys{
    GgufKey{"attention.sliding_window", "sliding_window"},
    GgufKey{"rope.scaling.original_context_length", "original_max_position_embeddings"},
    GgufKey{"rope.scaling.attn_factor", "attention_factor", GgufKeyKind::kNumber},
    GgufKey{"expert_count", "num_local_experts"},
    GgufKey{"expert_used_count", "num_experts_per_tok"},
};
constexpr std::array kOwnTensors{
    GgufTensor{"output.bias", "lm_head.bias"},
    GgufTensor{"output_norm.bias", "model.norm.bias"},
    GgufTensor{"blk.{}.attn_norm.bias", "model.layers.{}.input_layernorm.bias"},
    GgufTensor{"blk.{}.ffn_norm.bias", "model.layers.{}.post_attention_layernorm.bias"},
    GgufTensor{"blk.{}.ffn_gate_inp.weight", "model.layers.{}.block_sparse_moe.gate.weight"},
    GgufTensor{"blk.{}.ffn_gate_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w1.weight"},
    GgufTensor{"blk.{}.ffn_up_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w3.weight"},
    GgufTensor{"blk.{}.ffn_down_exps.weight", "model.layers.{}.block_sparse_moe.experts.{}.w2.weight"},
};
constexpr auto kKeys = join(kOwnKeys, kDecoderKeys, kRmsNormKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kAttentionTensors<>, kPreNormTensors, kOwnTensors);

// A file has one factor for short and long sequences. llama.cpp adds the biases that it has.
void complete(const GgufFile& file, Json& config) {
  complete_rms_norm(file, config);
  complete_longrope(file, config);
  if (const Json* found = config.find("rope_scaling"); found != nullptr) {
    Json rope = *found;
    for (const char* key : {"short_mscale", "long_mscale"}) rope.set(key, rope.at("attention_factor", "rope_scaling"));
    config.set("rope_scaling", std::move(rope));
  }
  config.set("attention_bias", file.find_tensor("blk.0.attn_q.bias") != nullptr);
  config.set("lm_head_bias", file.find_tensor("output.bias") != nullptr);
}

constexpr GgufSpelling kSpellings[] = {{.architecture = "phimoe",
                                        .model_type = "phimoe",
                                        .hf_architecture = "PhiMoEForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete}};

}  // namespace

const Family& phimoe_family() {
  static constexpr std::string_view kModelTypes[] = {"phimoe"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, LayerNorm, read_config, ends>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
