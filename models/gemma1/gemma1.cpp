#include "models/gemma1/gemma1.h"

#include <cmath>

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool bias = false;
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps, .weight_offset = 1}; }

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<RMSNorm, GatedMLP>(
            s, norm_spec(c), attention_spec(c, i, c.bias),
            {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})) {}
};

// Where the configuration is silent: as GemmaConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape =
           {.vocab = 256000, .hidden = 3072, .layers = 28, .heads = 16, .kv_heads = 16, .head_dim = 256, .tied = true},
       .ffn = 24576,
       .activation = "gelu_pytorch_tanh",
       .rope = {.max_positions = 8192, .rotates_part = config.has("gguf_architecture")}})};
  // The first files say "gelu" and mean the other form.
  if (c.activation == Activation::kGelu) c.activation = Activation::kGeluTanh;
  config.ignore("hidden_activation");
  c.bias = config.boolean("attention_bias", false);
  config.only("use_bidirectional_attention", Json(false));
  config.finish();
  return c;
}

DecoderEnds<RMSNorm> ends(const Config& c) {
  return {.norm = norm_spec(c), .embedding_scale = std::sqrt(static_cast<float>(c.hidden))};
}

constexpr GgufChange kGain = GgufChange::kSubtractOne;
constexpr std::array kGainTensors{
    GgufTensor{"output_norm.weight", "model.norm.weight", kGain},
    GgufTensor{"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight", kGain},
    GgufTensor{"blk.{}.ffn_norm.weight", "model.layers.{}.post_attention_layernorm.weight", kGain},
};
constexpr auto kKeys = join(kDecoderKeys, kRmsNormKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kGainTensors, kAttentionTensors<>, kGatedTensors);
constexpr GgufSpelling kSpellings[] = {{.architecture = "gemma",
                                        .model_type = "gemma",
                                        .hf_architecture = "GemmaForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete_rms_norm}};

}  // namespace

const Family& gemma1_family() {
  static constexpr std::string_view kModelTypes[] = {"gemma"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, ends>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
