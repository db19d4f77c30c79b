#include "models/decoder/decoder_config.h"

#include <algorithm>

namespace ttt {

DecoderConfig read_decoder_config(ConfigReader& config, const Scope& scope, const DecoderConfigDefaults& defaults) {
  return read_decoder_config(config, scope.source(), scope.options().context, defaults);
}

DecoderConfig read_decoder_config(ConfigReader& config, WeightSource& source, std::int64_t context,
                                  const DecoderConfigDefaults& defaults) {
  DecoderConfig c{read_decoder_shape(config, source, defaults.shape, defaults.names)};
  c.ffn = config.integer("intermediate_size", defaults.ffn, kWidths);
  c.eps = static_cast<float>(config.number(defaults.eps_key, defaults.eps, {.min = 0}));
  c.activation = activation_of(config, defaults.activation_key, defaults.activation);
  c.rope = rope_spec(config, source, c.head_dim, context, defaults.rope);
  c.windows.assign(static_cast<std::size_t>(c.layers), 0);
  return c;
}

void require_rope_by_layer(ConfigReader& config) {
  const Json* parameters = config.value("rope_parameters");
  const bool one_for_all = parameters != nullptr && parameters->is_object() &&
                           std::ranges::any_of(parameters->as_object("rope_parameters"), [](const Json::Member& m) {
                             return !m.second.is_object() && !m.second.is_null();
                           });
  if (one_for_all) {
    config.unsupported("rope_parameters", "wanted full_attention and sliding_attention, got one set of parameters");
  }
}

std::int64_t read_window(ConfigReader& config, std::int64_t absent) {
  const bool null = config.present("sliding_window") && !config.has("sliding_window");
  return null ? 0 : config.integer("sliding_window", absent, {.min = 1});
}

std::vector<std::int64_t> read_windows(ConfigReader& config, std::int64_t layers, std::int64_t window,
                                       std::int64_t full_every) {
  constexpr std::string_view kKinds[] = {"full_attention", "sliding_attention"};
  const std::vector<std::string> kinds = read_layer_types(config, layers, kKinds);
  std::vector<std::int64_t> windows;
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool listed = !kinds.empty() && kinds[static_cast<std::size_t>(i)] == "sliding_attention";
    if (listed && window == 0) {
      config.refuse("layer_types", "has sliding_attention, but sliding_window is not set");
    }
    const bool silent = kinds.empty() && (full_every == 0 || (i + 1) % full_every != 0);
    windows.push_back(listed || silent ? window : 0);
  }
  return windows;
}

std::int64_t read_top_k(ConfigReader& config, std::int64_t absent, std::int64_t experts) {
  const std::int64_t top_k = config.integer("num_experts_per_tok", absent, kCounts);
  if (top_k > experts) {
    config.refuse("num_experts_per_tok",
                  text("wanted at most as many as there are experts, ", experts, ", got ", top_k));
  }
  return top_k;
}

AttentionSpec attention_spec(const DecoderConfig& c, std::int64_t layer, bool bias) {
  const std::int64_t window = c.windows[static_cast<std::size_t>(layer)];
  return {.hidden_dim = c.hidden,
          .num_heads = c.heads,
          .num_kv_heads = c.kv_heads,
          .head_dim = c.head_dim,
          .visible = {.behind = window > 0 ? window - 1 : Visible::kAll},
          .position = c.rope,
          .q_bias = bias,
          .k_bias = bias,
          .v_bias = bias,
          .o_bias = bias};
}

}  // namespace ttt
