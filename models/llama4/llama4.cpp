#include "models/llama4/llama4.h"

#include <algorithm>

#include "ffn/dense_or_moe.h"
#include "models/decoder/decoder.h"
#include "models/decoder/layers.h"
#include "models/llama4/llama4_gguf.h"
#include "normalization/rmsnorm.h"
#include "runtime/rope_config.h"

namespace ttt {
namespace {

struct Config : DecoderShape {
  float eps = 0;
  bool bias = false, qk_norm = true, separate_experts = false;
  RoPESpec rope = {};
  std::optional<TemperatureSpec> temperature = {};
  std::vector<bool> turns = {}, sparse = {};  // by layer
  std::vector<std::int64_t> chunks = {};      // by layer; 0: all rows before a query are seen
  GatedMLPSpec dense = {};
  MoESpec moe = {};
};

void read_layers(ConfigReader& config, Config& c) {
  constexpr std::string_view kKinds[] = {"full_attention", "chunked_attention"};
  const std::int64_t every = config.integer("no_rope_layer_interval", 4, {.min = 1});
  const std::int64_t step = config.integer("interleave_moe_layer_step", 1, {.min = 1});
  const std::vector<std::int64_t> turned = config.integers("no_rope_layers"), moe = config.integers("moe_layers");
  const std::vector<std::string> kinds = read_layer_types(config, c.layers, kKinds);
  const bool whole = config.present("attention_chunk_size") && !config.has("attention_chunk_size");
  const std::int64_t chunk = whole ? 0 : config.integer("attention_chunk_size", 8192, {.min = 1});
  if (!turned.empty() && static_cast<std::int64_t>(turned.size()) != c.layers) {
    config.refuse("no_rope_layers", text("wanted ", c.layers, " entries (num_hidden_layers), got ", turned.size()));
  }
  for (std::int64_t i = 0; i < c.layers; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const bool turns = turned.empty() ? (i + 1) % every != 0 : turned[at] != 0;
    const bool chunked = kinds.empty() ? turns && !whole : kinds[at] == "chunked_attention";
    if (chunked && whole) config.refuse("attention_chunk_size", "is null, but there are layers of chunked_attention");
    c.turns.push_back(turns);
    c.chunks.push_back(chunked ? chunk : 0);
    c.sparse.push_back(config.has("moe_layers") ? std::ranges::find(moe, i) != moe.end() : (i + 1) % step == 0);
  }
}

Config read_config(ConfigReader& config, WeightSource& source, std::int64_t context, const std::string& prefix) {
  // Where the configuration is silent: as Llama4TextConfig of transformers. A head_dim of null is hidden / heads.
  DecoderDefaults absent{
      .vocab = 202048, .hidden = 5120, .layers = 48, .heads = 40, .kv_heads = 8, .head_dim = 128, .tied = false};
  if (config.present("head_dim") && !config.has("head_dim")) absent.head_dim.reset();
  const std::string embedding = prefix + "model.embed_tokens.weight", head = prefix + "lm_head.weight";
  Config c{read_decoder_shape(config, source, absent, {.embedding_weight = embedding, .head_weight = head})};
  c.eps = static_cast<float>(config.number("rms_norm_eps", 1e-5, {.min = 0}));
  c.bias = config.boolean("attention_bias", false);
  c.qk_norm = config.boolean("use_qk_norm", true);
  c.separate_experts = config.has("gguf_architecture");
  c.rope =
      rope_spec(config, source, c.head_dim, context, {.theta = 5e5, .max_positions = 131072, .rotates_part = false});
  c.rope.layout = RotaryLayout::kInterleaved;
  const TemperatureSpec temperature{.scale = static_cast<float>(config.number("attn_scale", 0.1)),
                                    .floor_scale = config.integer("floor_scale", 8192, {.min = 1})};
  if (config.boolean("attn_temperature_tuning", true)) c.temperature = temperature;
  read_layers(config, c);
  const Activation activation = activation_of(config, "hidden_act", "silu");
  const std::int64_t width = config.integer("intermediate_size", 8192, kWidths);
  c.dense = {.hidden_dim = c.hidden,
             .ffn_dim = config.integer("intermediate_size_mlp", 16384, kWidths),
             .activation = activation};
  c.moe = {.hidden_dim = c.hidden,
           .num_experts = config.integer("num_local_experts", 16, kCounts),
           .router = {.score = RouterScore::kSigmoid, .top_k = config.integer("num_experts_per_tok", 1, kCounts)},
           .expert = {.ffn_dim = width, .activation = activation, .apply_router_weight_on_input = true},
           .shared = GatedMLPSpec{.hidden_dim = c.hidden, .ffn_dim = width, .activation = activation}};
  // As some of the published files have it: the class knows nothing of it.
  constexpr std::string_view kHarmless[] = {"for_llm_compressor"};
  config.finish(kHarmless);
  return c;
}

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

// The class norms q and k after the rotation, which an L2 norm does not notice.
AttentionSpec attention_spec(const Config& c, std::int64_t layer) {
  const auto i = static_cast<std::size_t>(layer);
  AttentionSpec spec{.hidden_dim = c.hidden,
                     .num_heads = c.heads,
                     .num_kv_heads = c.kv_heads,
                     .head_dim = c.head_dim,
                     .q_bias = c.bias,
                     .k_bias = c.bias,
                     .v_bias = c.bias,
                     .o_bias = c.bias};
  if (c.chunks[i] > 0) spec.visible.chunk = c.chunks[i];
  if (c.turns[i]) spec.position = c.rope;
  if (c.turns[i] && c.qk_norm) spec.qk_norm = RMSNormSpec{.eps = c.eps, .affine = false};
  if (!c.turns[i]) spec.temperature = c.temperature;
  return spec;
}

MoENames moe_names(const Config& c) {
  MoENames names;
  if (!c.separate_experts) {
    names = stacked_experts(c.moe.expert.ffn_dim);
    for (TensorName* name : {&names.gate, &names.up, &names.down}) *name = transposed(*name);
  }
  names.router = "router.weight";
  names.shared = below("shared_expert");
  return names;
}

DenseOrMoE make_ffn(const Scope& s, const Config& c, std::int64_t layer) {
  return c.sparse[static_cast<std::size_t>(layer)] ? DenseOrMoE(make<MoE>(s, c.moe, moe_names(c)))
                                                   : DenseOrMoE(make<GatedMLP>(s, c.dense));
}

struct Layer : PreNormLayer<RMSNorm, DenseOrMoE> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer{make<RMSNorm>(s / "input_layernorm", norm_spec(c)),
                     make<Attention>(s / "self_attn", attention_spec(c, i)),
                     make<RMSNorm>(s / "post_attention_layernorm", norm_spec(c)), make_ffn(s / "feed_forward", c, i)} {}
};

std::unique_ptr<Model> make_llama4(const Scope& scope, ConfigReader& config) {
  const auto made = [&](const Scope& s, ConfigReader& part, const std::string& prefix) {
    const Config c = read_config(part, s.source(), s.options().context, prefix);
    return std::make_unique<DecoderModel<Layer, RMSNorm>>(s, c, DecoderEnds<RMSNorm>{.norm = norm_spec(c)});
  };
  if (config.string("model_type") == "llama4_text") return made(scope, config, "");
  // The vision model is not built: its configuration and its tensors are left alone.
  ConfigReader text_model = config.object("text_config");
  for (const char* key : {"vision_config", "image_token_index", "boi_token_index", "eoi_token_index"})
    config.value(key);
  config.only("tie_word_embeddings", Json(false));
  config.finish();
  return made(scope / "language_model", text_model, "language_model.");
}

}  // namespace

const Family& llama4_family() {
  static constexpr std::string_view kModelTypes[] = {"llama4", "llama4_text"};
  static const Family family{.model_types = kModelTypes, .make = make_llama4, .gguf = llama4_gguf_spellings()};
  return family;
}

}  // namespace ttt
