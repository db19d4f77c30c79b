#include "runtime/decoder_config.h"

#include <algorithm>

namespace ttt {

namespace {

std::int64_t integer(ConfigReader& config, std::string_view key, std::optional<std::int64_t> absent,
                     IntegerRange range) {
  return absent ? config.integer(key, *absent, range) : config.integer(key, range);
}

std::int64_t read_kv_heads(ConfigReader& config, std::string_view key, std::int64_t heads,
                           std::optional<std::int64_t> absent) {
  if (key.empty()) return heads;
  const std::int64_t missing = config.present(key) ? heads : absent.value_or(heads);
  return config.integer(key, missing, kCounts);
}

void read_tie(ConfigReader& config, const WeightSource& source, const DecoderNames& names, std::optional<bool> absent,
              DecoderShape& s) {
  const std::string head(names.head_weight), embedding(names.embedding_weight);
  const bool has_head = source.has(head), has_embedding = source.has(embedding);
  s.tied = config.boolean(names.tied, absent.value_or(!has_head));
  if (!s.tied) return;
  if (has_head && has_embedding) {
    s.tied = false;
    if (config.report() == nullptr) return;
    config.report()->same_tensors.push_back(
        {head, embedding,
         text(config.where(), ": ", names.tied, " is true, but ", head, " differs from ", embedding,
              "; both are used, as in the reference")});
  } else if (has_head) {
    s.embedding = text("/", head);
  } else {
    s.head = text("/", embedding);
  }
}

}  // namespace

DecoderShape read_decoder_shape(ConfigReader& config, WeightSource& source, const DecoderDefaults& defaults,
                                const DecoderNames& names) {
  const ConfigReader::Part part(config, "read_decoder_shape");
  DecoderShape s;
  s.vocab = integer(config, names.vocab, defaults.vocab, {.min = 1});
  s.hidden = integer(config, names.hidden, defaults.hidden, {.min = 1, .max = 1 << 20});
  s.layers = integer(config, names.layers, defaults.layers, {.min = 1, .max = 4096});
  s.heads = integer(config, names.heads, defaults.heads, kCounts);
  s.kv_heads = read_kv_heads(config, names.kv_heads, s.heads, defaults.kv_heads);
  if (s.heads % s.kv_heads != 0) {
    config.refuse(names.kv_heads, text("wanted a divisor of ", names.heads, " ", s.heads, ", got ", s.kv_heads));
  }
  std::optional<std::int64_t> head_dim;
  if (!names.head_dim.empty()) head_dim = config.optional_integer(names.head_dim, kCounts);
  if (!head_dim) head_dim = defaults.head_dim;
  if (!head_dim && s.hidden % s.heads != 0) {
    config.refuse(names.hidden, text("wanted a multiple of ", names.heads, " ", s.heads, ", got ", s.hidden));
  }
  s.head_dim = head_dim.value_or(s.hidden / s.heads);
  read_tie(config, source, names, defaults.tied, s);
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
