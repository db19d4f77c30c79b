#include "models/cohere/cohere.h"

#include "ffn/gated_mlp.h"
#include "models/cohere/cohere_gguf.h"
#include "models/decoder/decoder.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0, logit_scale = 1;
  bool bias = false, qk_norm = false;
  Activation activation = Activation::kSilu;
  RoPESpec rope = {};
  // By layer: rows that a query sees, its own included; 0: all before it. Whether positions are turned.
  std::vector<std::int64_t> windows = {};
  bool full_layers_turn = true;
};

void read_windows(ConfigReader& config, Config& c) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, c.layers, kKinds);
  const std::int64_t every = config.integer("sliding_window_pattern", 4, {.min = 1});
  // The class makes a mask with a window whether or not a layer has one.
  if (config.present("sliding_window") && !config.has("sliding_window")) {
    config.refuse("sliding_window", "wanted a number, got null");
  }
  const std::int64_t window = config.integer("sliding_window", 4096, {.min = 1});
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const bool full = kinds.empty() ? (i + 1) % every == 0 : kinds[static_cast<std::size_t>(i)] == "full_attention";
    c.windows.push_back(full ? 0 : window);
  }
}

Config read_config(ConfigReader& config, WeightSource& source, std::int64_t context) {
  const bool second = config.string("model_type") == "cohere2";
  // Where the configuration is silent: as CohereConfig and Cohere2Config of transformers.
  Config c{
      read_decoder_shape(config, source, {.vocab = 256000, .hidden = 8192, .layers = 40, .heads = 64, .tied = true})};
  c.ffn = config.integer("intermediate_size", 22528, kWidths);
  c.eps = static_cast<float>(config.number("layer_norm_eps", 1e-5, {.min = 0}));
  c.logit_scale = static_cast<float>(config.number("logit_scale", 0.0625));
  c.bias = config.boolean("attention_bias", false);
  c.activation = activation_of(config, "hidden_act", "silu");
  c.full_layers_turn = !second;
  c.rope = rope_spec(config, source, c.head_dim, context,
                     {.theta = second ? 1e4 : 5e5, .max_positions = 8192, .rotates_part = false});
  c.rope.layout = RotaryLayout::kInterleaved;
  if (second) {
    config.ignore("use_qk_norm");
    read_windows(config, c);
  } else {
    c.qk_norm = config.boolean("use_qk_norm", false);
    c.windows.assign(static_cast<std::size_t>(c.layers), 0);
    for (const char* key : {"sliding_window", "layer_types", "sliding_window_pattern"}) config.ignore(key);
  }
  // How the first release spells and computes the same.
  constexpr std::string_view kHarmless[] = {"rotary_pct", "position_embedding_type", "order_of_interleaved_layers"};
  config.finish(kHarmless);
  return c;
}

LayerNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps, .bias = false}; }

AttentionSpec attention_spec(const Config& c, std::int64_t window) {
  AttentionSpec spec{.hidden_dim = c.hidden,
                     .num_heads = c.heads,
                     .num_kv_heads = c.kv_heads,
                     .head_dim = c.head_dim,
                     .visible = {.behind = window > 0 ? window - 1 : Visible::kAll},
                     .q_bias = c.bias,
                     .k_bias = c.bias,
                     .v_bias = c.bias,
                     .o_bias = c.bias};
  if (window > 0 || c.full_layers_turn) spec.position = c.rope;
  if (c.qk_norm) spec.qk_layer_norm = LayerNormSpec{.eps = c.eps, .bias = false};
  return spec;
}

struct Layer {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : norm(make<LayerNorm>(s / "input_layernorm", norm_spec(c))),
        attention(make<Attention>(s / "self_attn", attention_spec(c, c.windows[static_cast<std::size_t>(i)]))),
        ffn(make<GatedMLP>(s / "mlp", {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})) {}

  void forward(Exec& exec, const Step& step, TensorView x, TensorView normed) const {
    norm.forward(exec, x, normed);
    attention.forward_add(exec, normed, step, x);
    ffn.forward_add(exec, normed, x);
  }

  LayerNorm norm;
  Attention attention;
  GatedMLP ffn;
};

}  // namespace

const Family& cohere_family() {
  static constexpr std::string_view kModelTypes[] = {"cohere", "cohere2"};
  static const Family family{.model_types = kModelTypes,
                             .make = [](const Scope& scope, ConfigReader& config) -> std::unique_ptr<Model> {
                               const Config c = read_config(config, scope.source(), scope.options().context);
                               const DecoderEnds<LayerNorm> ends{.norm = norm_spec(c), .logit_scale = c.logit_scale};
                               return std::make_unique<DecoderModel<Layer, LayerNorm>>(scope, c, ends);
                             },
                             .gguf = cohere_gguf_spellings()};
  return family;
}

}  // namespace ttt
