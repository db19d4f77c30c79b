#include "models/mixtral/mixtral.h"

#include "ffn/moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/expert_names.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  std::int64_t experts = 0, top_k = 0;
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

MoESpec moe_spec(const Config& c) {
  return {.hidden_dim = c.hidden,
          .num_experts = c.experts,
          .router = {.top_k = c.top_k, .renormalise = true},
          .expert = {.ffn_dim = c.ffn, .activation = c.activation}};
}

struct Layer : PreNormLayer<RMSNorm, MoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, i)),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
                     make<MoE>(s / "block_sparse_moe", moe_spec(c), numbered_expert_weights())} {}
};

// Where the configuration is silent: as MixtralConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 32000, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 8, .tied = false},
       .ffn = 14336,
       .eps = 1e-5,
       .rope = {.theta = 1e6, .max_positions = 131072, .rotates_part = config.has("gguf_architecture")}})};
  c.windows.assign(static_cast<std::size_t>(c.layers), read_window(config, 0));
  c.experts = config.integer(config.has("num_experts") ? "num_experts" : "num_local_experts", 8, kCounts);
  c.top_k = read_top_k(config, 2, c.experts);
  config.finish();
  return c;
}

}  // namespace

const Family& mixtral_family() {
  static constexpr std::string_view kModelTypes[] = {"mixtral"};
  static const Family family{.model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>};
  return family;
}

}  // namespace ttt
