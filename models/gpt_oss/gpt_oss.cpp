#include "models/gpt_oss/gpt_oss.h"

#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/gpt_oss/gpt_oss_gguf.h"
#include "normalization/rmsnorm.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

enum class Experts { kBF16, kMXFP4, kGguf };  // how the file holds them

struct Config : DecoderShape {
  float eps = 0;
  bool bias = true;
  RoPESpec rope = {};
  std::vector<std::int64_t> windows = {};  // by layer: rows that a query sees, its own included; 0: all before it
  MoESpec moe = {};
  Experts experts = Experts::kBF16;
};

Experts read_experts(ConfigReader& config) {
  const Json* quantisation = config.value("quantization_config");
  if (quantisation == nullptr) return config.has("gguf_architecture") ? Experts::kGguf : Experts::kBF16;
  const Json* method = quantisation->find("quant_method");
  if (method == nullptr || *method != Json("mxfp4")) {
    config.unsupported("quantization_config",
                       text("of method ", method == nullptr ? "that is not named" : method->dump(),
                            " is not supported, but \"mxfp4\""));
  }
  return quantisation->find("dequantize") == nullptr ? Experts::kMXFP4 : Experts::kBF16;
}

RoPESpec read_rope(ConfigReader& config, WeightSource& source, std::int64_t context, const Config& c) {
  constexpr double kTheta = 150000;
  const Json* scaling = config.value("rope_scaling");
  const bool silent = !config.has("gguf_architecture") && !config.has("rope_parameters") &&
                      (scaling == nullptr || *scaling == Json(Json::Object{}));
  RoPESpec rope =
      rope_spec(config, source, c.head_dim, context, {.theta = kTheta, .max_positions = 131072, .rotates_part = false});
  if (silent) {
    if (config.optional_number("partial_rotary_factor").value_or(1) != 1) {
      config.unsupported("partial_rotary_factor", "with YaRN, whose factors here are for all values of a head");
    }
    const std::int64_t original = config.integer("original_max_position_embeddings", 4096, {.min = 1});
    rope.scaling = YaRNScaling{.factor = 32, .original_max_position_embeddings = original, .truncate = false};
  }
  return rope;
}

std::vector<std::int64_t> read_windows(ConfigReader& config, std::int64_t layers) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  // The class makes a mask with a window whether or not a layer has one.
  if (config.present("sliding_window") && !config.has("sliding_window")) {
    config.refuse("sliding_window", "wanted a number, got null");
  }
  const std::int64_t window = config.integer("sliding_window", 128, {.min = 1});
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool full = kinds.empty() ? i % 2 == 1 : kinds[static_cast<std::size_t>(i)] == "full_attention";
    windows.push_back(full ? 0 : window);
  }
  return windows;
}

Config read_config(ConfigReader& config, const Scope& scope) {
  // Where the configuration is silent: as GptOssConfig of transformers. A head_dim of null is hidden / heads.
  const bool shared_out = config.present("head_dim") && !config.has("head_dim");
  DecoderDefaults absent{
      .vocab = 201088, .hidden = 2880, .layers = 36, .heads = 64, .kv_heads = 8, .head_dim = 64, .tied = false};
  if (shared_out) absent.head_dim.reset();
  Config c{read_decoder_shape(config, scope.source(), absent)};
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-5, {.min = 0}));
  c.bias = config.boolean("attention_bias", true);
  c.rope = read_rope(config, scope.source(), scope.options().context, c);
  c.windows = read_windows(config, c.layers);
  c.experts = read_experts(config);
  const char* const count = config.has("num_local_experts") ? "num_local_experts" : "num_experts";
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer(count, 128, kCounts),
           .router = {.score = RouterScore::kLogit,
                      .weight = RouterWeight::kSoftmaxOfSelected,
                      .top_k = config.integer("num_experts_per_tok", 4, kCounts),
                      .bias = true},
           .expert = {.ffn_dim = config.integer("intermediate_size", 2880, kWidths),
                      .bias = true,
                      .clamp = GateClamp{.limit = static_cast<float>(config.number("swiglu_limit", 7.0)),
                                         .alpha = static_cast<float>(config.number("swiglu_alpha", 1.702))}}};
  if (config.string("hidden_act", "silu") != "silu") config.ignore("hidden_act");  // the class has its own gate
  // Other names of numbers that the class reads elsewhere.
  constexpr std::string_view kHarmless[] = {"experts_per_token", "initial_context_length"};
  config.finish(kHarmless);
  return c;
}

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t window) {
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .visible = {.behind = window > 0 ? window - 1 : Visible::kAll},
          .position = c.rope,
          .q_bias = c.bias,
          .k_bias = c.bias,
          .v_bias = c.bias,
          .o_bias = c.bias,
          .sinks = true};
}

MoENames moe_names(const Config& c) {
  const std::int64_t ffn = c.moe.expert.ffn_dim;
  MoENames names;
  if (c.experts != Experts::kGguf) names = stacked_transposed_experts(ffn);
  if (c.experts == Experts::kMXFP4) {  // rows of gate and up in turn, as [out, in]
    names.gate = every("experts.gate_up_proj", 0, 1, 2, ffn);
    names.up = every("experts.gate_up_proj", 1, 1, 2, ffn);
    names.down = "experts.down_proj";
  }
  names.router = "router.weight";
  names.router_bias = "router.bias";
  return names;
}

struct Layer : PreNormLayer<RMSNorm, MoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, c.windows[static_cast<std::size_t>(i)])),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)),
                     make<MoE>(s / "mlp", c.moe, moe_names(c))} {}
};

}  // namespace

const Family& gpt_oss_family() {
  static constexpr std::string_view kModelTypes[] = {"gpt_oss"};
  static const Family family{.model_types = kModelTypes,
                             .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>,
                             .gguf = gpt_oss_gguf_spellings()};
  return family;
}

}  // namespace ttt
