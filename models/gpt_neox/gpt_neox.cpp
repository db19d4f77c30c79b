#include "models/gpt_neox/gpt_neox.h"

#include "ffn/mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/gpt_neox/gpt_neox_gguf.h"
#include "normalization/layernorm.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0;
  bool attention_bias = true, parallel = true, fused = false;  // fused: all of q, then all of k and of v
  Activation activation = Activation::kGelu;
  RoPESpec rope = {};
  std::string head_module = {};
};

Config read_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const std::string head_module = source.has("embed_out.weight") ? "embed_out" : "lm_head";
  const std::string head = head_module + ".weight";
  // Where the configuration is silent: as GPTNeoXConfig of transformers.
  Config c{read_decoder_shape(
      config, source, {.vocab = 50432, .hidden = 6144, .layers = 44, .heads = 64, .tied = false},
      {.kv_heads = {}, .head_dim = {}, .embedding_weight = "gpt_neox.embed_in.weight", .head_weight = head})};
  c.head_module = head_module;
  config.only("head_dim", Json(c.head_dim));
  const Json* kv_heads = config.value("num_key_value_heads");
  if (kv_heads != nullptr && *kv_heads != Json(c.heads)) config.ignore("num_key_value_heads");
  c.ffn = config.integer("intermediate_size", 24576, kWidths);
  c.eps = static_cast<float>(config.number("layer_norm_eps", 1e-5, {.min = 0}));
  c.attention_bias = config.boolean("attention_bias", true);
  c.parallel = config.boolean("use_parallel_residual", true);
  c.activation = activation_of(config, "hidden_act", "gelu");
  c.fused = config.has("gguf_architecture");  // such files say so where less than the whole head turns
  c.rope = rope_spec(config, source, c.head_dim, context,
                     {.theta_key = "rotary_emb_base",
                      .max_positions = 2048,
                      .part = c.fused ? 1.0 : 0.25,
                      .part_key = c.fused ? "partial_rotary_factor" : "rotary_pct"});
  constexpr std::string_view kHarmless[] = {"is_decoder"};
  config.finish(kHarmless);
  return c;
}

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

Attention make_attention(const Scope& s, const Config& c) {
  AttentionSpec spec = MultiHeadAttentionSpec{.hidden_dim = c.hidden, .num_heads = c.heads, .position = c.rope};
  spec.q_bias = spec.k_bias = spec.v_bias = spec.o_bias = c.attention_bias;
  AttentionNames names = c.fused ? fused_names(spec, "query_key_value") : interleaved_names(spec);
  names.o = "dense.weight";
  names.o_bias = "dense.bias";
  return make<Attention>(s, spec, names);
}

MLP make_ffn(const Scope& s, const Config& c) {
  return make<MLP>(s, {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = true},
                   {.up = "dense_h_to_4h.weight",
                    .down = "dense_4h_to_h.weight",
                    .up_bias = "dense_h_to_4h.bias",
                    .down_bias = "dense_4h_to_h.bias"});
}

struct Layer : PreNormLayer<LayerNorm, MLP> {
  Layer(const Scope& s, const Config& c, std::int64_t)
      : PreNormLayer{make<LayerNorm>(s / "input_layernorm", norm_spec(c)), make_attention(s / "attention", c),
                     make<LayerNorm>(s / "post_attention_layernorm", norm_spec(c)), make_ffn(s / "mlp", c)} {}
};

// Attention and feed-forward both read the layer's input, each through a norm of its own.
struct ParallelLayer : Layer {
  using Layer::Layer;
  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    Scratch::Frame frame(exec.scratch);
    const TensorView ffn_input = frame.take(x.shape);
    attention_norm.forward(exec, x, normed);
    ffn_norm.forward(exec, x, ffn_input);
    attention.forward_add(exec, normed, step, x);
    ffn.forward_add(exec, ffn_input, x);
  }
};

std::unique_ptr<Model> make_gpt_neox(const Scope& scope, ConfigReader& config) {
  const Config c = read_config(config, scope.source(), scope.options().context);
  const DecoderEnds<LayerNorm> ends{.norm = norm_spec(c),
                                    .embedding = "gpt_neox.embed_in",
                                    .layers = "gpt_neox.layers",
                                    .final_norm = "gpt_neox.final_layer_norm",
                                    .head = c.head_module};
  if (c.parallel) return std::make_unique<DecoderModel<ParallelLayer, LayerNorm>>(scope, c, ends);
  return std::make_unique<DecoderModel<Layer, LayerNorm>>(scope, c, ends);
}

}  // namespace

const Family& gpt_neox_family() {
  static constexpr std::string_view kModelTypes[] = {"gpt_neox"};
  static const Family family{.model_types = kModelTypes, .make = make_gpt_neox, .gguf = gpt_neox_gguf_spellings()};
  return family;
}

}  // namespace ttt
