#include "models/starcoder2/starcoder2.h"

#include "ffn/mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "models/decoder/layers.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool bias = true;
};

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

struct Layer : PreNormLayer<LayerNorm, MLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<LayerNorm, MLP>(
            s, norm_spec(c), attention_spec(c, i, c.bias),
            {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.bias},
            {.up = "c_fc.weight", .down = "c_proj.weight", .up_bias = "c_fc.bias", .down_bias = "c_proj.bias"})) {}
};

// Where the configuration is silent: as Starcoder2Config of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 49152, .hidden = 3072, .layers = 30, .heads = 24, .kv_heads = 2, .tied = true},
       .ffn = 12288,
       .eps = 1e-5,
       .eps_key = "norm_epsilon",
       .activation = "gelu_pytorch_tanh",
       .rope = {.max_positions = 4096, .rotates_part = config.has("gguf_architecture")}})};
  c.windows.assign(static_cast<std::size_t>(c.layers), read_window(config, 0));
  c.bias = config.boolean("use_bias", true);
  // Published files carry them; the class has no use for them.
  for (const char* key : {"attention_softmax_in_fp32", "layer_norm_epsilon", "mlp_type", "norm_type",
                          "scale_attention_softmax_in_fp32", "scale_attn_weights"})
    config.ignore(key);
  constexpr std::string_view kHarmless[] = {"residual_dropout", "embedding_dropout"};
  config.finish(kHarmless);
  return c;
}

constexpr std::array kOwnKeys{
    GgufKey{"attention.layer_norm_epsilon", "norm_epsilon", GgufKeyKind::kNumber},
};
constexpr std::array kOwnTensors{
    GgufTensor{"output_norm.bias", "model.norm.bias"},
    GgufTensor{"blk.{}.attn_norm.bias", "model.layers.{}.input_layernorm.bias"},
    GgufTensor{"blk.{}.ffn_norm.bias", "model.layers.{}.post_attention_layernorm.bias"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.mlp.c_fc.weight"},
    GgufTensor{"blk.{}.ffn_up.bias", "model.layers.{}.mlp.c_fc.bias"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.mlp.c_proj.weight"},
    GgufTensor{"blk.{}.ffn_down.bias", "model.layers.{}.mlp.c_proj.bias"},
};
constexpr auto kKeys = join(kDecoderKeys, kOwnKeys);
constexpr auto kTensors = join(kEmbeddingTensors, kPreNormTensors, kAttentionTensors<>, kOwnTensors);
constexpr GgufSpelling kSpellings[] = {{.architecture = "starcoder2",
                                        .model_type = "starcoder2",
                                        .hf_architecture = "Starcoder2ForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = [](const GgufFile& file, Json& config) {
                                          complete_layer_norm(file, config);
                                          config.set("use_bias",
                                                     Json(file.find_tensor("blk.0.attn_q.bias") != nullptr));
                                        }}};

}  // namespace

const Family& starcoder2_family() {
  static constexpr std::string_view kModelTypes[] = {"starcoder2"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, LayerNorm, read_config, norm_spec>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
