#include "models/nemotron/nemotron.h"

#include "ffn/mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool attention_bias = false, mlp_bias = false;
};

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps, .weight_offset = 1}; }

struct Layer : PreNormLayer<LayerNorm, MLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<LayerNorm, MLP>(
            s, norm_spec(c), attention_spec(c, i, c.attention_bias),
            {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.mlp_bias})) {}
};

// Where the configuration is silent: as NemotronConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(config, scope,
                               {.shape = {.vocab = 256000, .hidden = 6144, .layers = 32, .heads = 48, .tied = false},
                                .ffn = 24576,
                                .eps = 1e-5,
                                .eps_key = "norm_eps",
                                .activation = "relu2",
                                .rope = {.max_positions = 4096, .part = config.has("gguf_architecture") ? 1.0 : 0.5}})};
  c.attention_bias = config.boolean("attention_bias", false);
  c.mlp_bias = config.boolean("mlp_bias", false);
  config.finish();
  return c;
}

constexpr std::array kOwnKeys{
    GgufKey{"attention.layer_norm_epsilon", "norm_eps", GgufKeyKind::kNumber},
};
// The first entry for a name counts: the converter adds 1 to gains.
constexpr std::array kOwnTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight", GgufChange::kSubtractOne},
    GgufTensor{"output_norm.bias", "model.norm.bias"},
    GgufTensor{"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight", GgufChange::kSubtractOne},
    GgufTensor{"blk.{}.attn_norm.bias", "model.layers.{}.input_layernorm.bias"},
    GgufTensor{"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight", GgufChange::kSubtractOne},
    GgufTensor{"blk.{}.ffn_norm.bias", "model.layers.{}.post_attention_layernorm.bias"},
};
constexpr auto kKeys = join(kDecoderKeys, kOwnKeys);
constexpr auto kTensors = join(kOwnTensors, kEmbeddingTensors, kAttentionTensors<>, kGatedTensors);
constexpr GgufSpelling kSpellings[] = {
    {.architecture = "nemotron",
     .model_type = "nemotron",
     .hf_architecture = "NemotronForCausalLM",
     .keys = kKeys,
     .tensors = kTensors,
     .complete = [](const GgufFile& file, Json& config) {
       complete_layer_norm(file, config);
       config.set("attention_bias", Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
       config.set("mlp_bias", Json(file.find_tensor("blk.0.ffn_up.bias") != nullptr));
     }}};

}  // namespace

const Family& nemotron_family() {
  static constexpr std::string_view kModelTypes[] = {"nemotron"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, LayerNorm, read_config, norm_spec>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
