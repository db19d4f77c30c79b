#include "models/mistral/mistral.h"

#include "ffn/gated_mlp.h"
#include "models/decoder/decoder.h"
#include "models/decoder/decoder_config.h"
#include "models/decoder/layers.h"

namespace ttt {
namespace {

struct Config : DecoderConfig {
  std::optional<TemperatureSpec> temperature = {};
};

RMSNormSpec norm_spec(const Config& c) { return {.dim = c.hidden, .eps = c.eps}; }

AttentionSpec attention_spec(const Config& c, std::int64_t i) {
  AttentionSpec spec = attention_spec(static_cast<const DecoderConfig&>(c), i);
  spec.temperature = c.temperature;
  return spec;
}

struct Layer : PreNormLayer<RMSNorm, GatedMLP> {
  Layer(const Scope& s, const Config& c, std::int64_t i)
      : PreNormLayer(make_pre_norm_layer<RMSNorm, GatedMLP>(
            s, norm_spec(c), attention_spec(c, i),
            {.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation})) {}
};

// Where the configuration is silent: as MistralConfig and MinistralConfig of transformers.
Config read_first(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape = {.vocab = 32000, .hidden = 4096, .layers = 32, .heads = 32, .kv_heads = 8, .tied = false},
       .ffn = 14336,
       .rope = {.max_positions = 131072, .rotates_part = false}})};
  const bool listed = config.string("model_type") == "ministral";
  if (!listed) config.ignore("layer_types");
  const std::int64_t window = read_window(config, 4096);
  if (listed) {
    c.windows = read_windows(config, c.layers, window, 0);
  } else {
    c.windows.assign(static_cast<std::size_t>(c.layers), window);
  }
  return c;
}

constexpr std::string_view kThirdRope =
    R"({"rope_type": "yarn", "rope_theta": 1e6, "factor": 16, "original_max_position_embeddings": 16384, "beta_fast": 32,
        "beta_slow": 1, "mscale": 1, "mscale_all_dim": 1, "llama_4_scaling_beta": 0.1})";

// Where the rotary parameters say how queries are scaled: 1 + beta * log(1 + floor(position / original length)).
TemperatureSpec read_temperature(ConfigReader& config) {
  const Json* given = config.value(config.has("rope_scaling") ? "rope_scaling" : "rope_parameters");
  const Json absent = Json::parse(kThirdRope, "rope_parameters");
  ConfigReader rope = config.nested(given == nullptr ? absent : *given, config.where() + ": rope_parameters");
  return {.scale = static_cast<float>(rope.number("llama_4_scaling_beta")),
          .floor_scale = rope.integer("original_max_position_embeddings", {.min = 1}),
          .offset = 0};
}

// Where the configuration is silent: as Ministral3Config of transformers.
Config read_third(ConfigReader& config, const Scope& scope) {
  Config c{read_decoder_config(
      config, scope,
      {.shape =
           {.vocab = 131072, .hidden = 4096, .layers = 34, .heads = 32, .kv_heads = 8, .head_dim = 128, .tied = false},
       .ffn = 14336,
       .eps = 1e-5,
       .rope = {.max_positions = 262144, .rotates_part = false, .absent = kThirdRope}})};
  config.ignore("layer_types");
  c.temperature = read_temperature(config);
  c.windows.assign(static_cast<std::size_t>(c.layers), read_window(config, 0));
  return c;
}

Config read_config(ConfigReader& config, const Scope& scope) {
  const Config c = config.string("model_type") == "ministral3" ? read_third(config, scope) : read_first(config, scope);
  config.finish();
  return c;
}

}  // namespace

const Family& mistral_family() {
  static constexpr std::string_view kModelTypes[] = {"mistral", "ministral", "ministral3"};
  static const Family family{.model_types = kModelTypes, .make = make_decoder<Layer, RMSNorm, read_config, norm_spec>};
  return family;
}

}  // namespace ttt
