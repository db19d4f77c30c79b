#include "runtime/decoder_config.h"

#include <algorithm>

namespace ttt {

DecoderShape read_decoder_shape(ConfigReader& config, WeightSource& source,
                                std::optional<std::int64_t> absent_head_dim) {
  const ConfigReader::Part part(config, "read_decoder_shape");
  DecoderShape s;
  s.vocab = config.integer("vocab_size", {.min = 1});
  s.hidden = config.integer("hidden_size", {.min = 1, .max = 1 << 20});
  s.layers = config.integer("num_hidden_layers", {.min = 1, .max = 4096});
  s.heads = config.integer("num_attention_heads", kCounts);
  s.kv_heads = config.integer("num_key_value_heads", s.heads, kCounts);
  if (s.heads % s.kv_heads != 0) {
    config.refuse("num_key_value_heads",
                  text("wanted a divisor of num_attention_heads ", s.heads, ", got ", s.kv_heads));
  }
  std::optional<std::int64_t> head_dim = config.optional_integer("head_dim", kCounts);
  if (!head_dim) head_dim = absent_head_dim;
  if (!head_dim && s.hidden % s.heads != 0) {
    config.refuse("hidden_size", text("wanted a multiple of num_attention_heads ", s.heads, ", got ", s.hidden));
  }
  s.head_dim = head_dim.value_or(s.hidden / s.heads);
  s.tied = config.boolean("tie_word_embeddings", !source.has("lm_head.weight"));
  return s;
}

std::vector<std::string> read_layer_types(ConfigReader& config, std::int64_t layers,
                                          std::span<const std::string_view> known) {
  const ConfigReader::Part part(config, "read_layer_types");
  std::vector<std::string> types = config.strings("layer_types");
  if (!types.empty() && static_cast<std::int64_t>(types.size()) != layers) {
    config.refuse("layer_types", text("wanted ", layers, " entries (num_hidden_layers), got ", types.size()));
  }
  for (const std::string& type : types) {
    if (std::ranges::find(known, type) != known.end()) continue;
    std::string names;
    for (const std::string_view name : known) names += text(names.empty() ? "" : ", ", name);
    config.refuse("layer_types", text("wanted each one of: ", names, "; got \"", type, "\""));
  }
  return types;
}

}  // namespace ttt
