#include "models/phi/phi.h"

#include "ffn/mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/decoder_gguf.h"
#include "normalization/layernorm.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  bool qk_norm = false;
};

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec biased_attention(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(c, i, true);
  if (c.qk_norm) spec.qk_layer_norm = LayerNormSpec{.eps = c.eps};
  spec.qk_layer_norm_shared = c.qk_norm;
  return spec;
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : norm(make<LayerNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", biased_attention(c, i),
                                  {.o = "dense.weight",
                                   .o_bias = "dense.bias",
                                   .q_norm = "q_layernorm.weight",
                                   .k_norm = "k_layernorm.weight",
                                   .q_norm_bias = "q_layernorm.bias",
                                   .k_norm_bias = "k_layernorm.bias"})),
        ffn(make<MLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                      {.up = "fc1.weight", .down = "fc2.weight", .up_bias = "fc1.bias", .down_bias = "fc2.bias"})) {}

  // x += attention(norm(x)) + ffn(norm(x))
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn.forward_add(exec, normed, x);
  }

  LayerNorm norm;
  Attention attention;
  MLP ffn;
};

// Where the configuration is silent: as PhiConfig of transformers.
Config read_config(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(config, scope,
                               {.shape = {.vocab = 51200, .hidden = 2048, .layers = 24, .heads = 32, .tied = false},
                                .ffn = 8192,
                                .eps = 1e-5,
                                .eps_key = "layer_norm_eps",
                                .activation = "gelu_new",
                                .rope = {.max_positions = 2048, .part = config.has("gguf_architecture") ? 1.0 : 0.5}})};
  c.qk_norm = config.boolean("qk_layernorm", false);
  config.finish();
  return c;
}

DecoderEnds<LayerNorm> ends(const Config& c) {
  return {.norm = norm_spec(c), .head_bias = true, .final_norm = "model.final_layernorm"};
}

constexpr std::array kOwnKeys{
    GgufKey{"attention.layer_norm_epsilon", "layer_norm_eps", GgufKeyKind::kNumber},
};
constexpr std::array kOwnTensors{
    GgufTensor{"output.bias", "lm_head.bias"},
    GgufTensor{"output_norm.weight", "model.final_layernorm.weight"},
    GgufTensor{"output_norm.bias", "model.final_layernorm.bias"},
    GgufTensor{"blk.{}.attn_norm.weight", "model.layers.{}.input_layernorm.weight"},
    GgufTensor{"blk.{}.attn_norm.bias", "model.layers.{}.input_layernorm.bias"},
    GgufTensor{"blk.{}.attn_output.weight", "model.layers.{}.self_attn.dense.weight"},
    GgufTensor{"blk.{}.attn_output.bias", "model.layers.{}.self_attn.dense.bias"},
    GgufTensor{"blk.{}.ffn_up.weight", "model.layers.{}.mlp.fc1.weight"},
    GgufTensor{"blk.{}.ffn_up.bias", "model.layers.{}.mlp.fc1.bias"},
    GgufTensor{"blk.{}.ffn_down.weight", "model.layers.{}.mlp.fc2.weight"},
    GgufTensor{"blk.{}.ffn_down.bias", "model.layers.{}.mlp.fc2.bias"},
};
constexpr auto kKeys = join(kDecoderKeys, kOwnKeys);
// The first entry for a name counts.
constexpr auto kTensors = join(kOwnTensors, kEmbeddingTensors, kAttentionTensors<>);
constexpr GgufSpelling kSpellings[] = {{.architecture = "phi2",
                                        .model_type = "phi",
                                        .hf_architecture = "PhiForCausalLM",
                                        .keys = kKeys,
                                        .tensors = kTensors,
                                        .complete = complete_layer_norm}};

}  // namespace

const Family& phi_family() {
  static constexpr std::string_view kModelTypes[] = {"phi"};
  static const Family family{
      .model_types = kModelTypes, .make = make_decoder<Layer, LayerNorm, read_config, ends>, .gguf = kSpellings};
  return family;
}

}  // namespace ttt
