#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/weights.h"
#include "checkpoint/config_reader.h"

namespace ttt {

// What the configurations of most decoders have, under its Hugging Face names.
struct DecoderShape {
  std::int64_t vocab = 0;     // vocab_size
  std::int64_t hidden = 0;    // hidden_size
  std::int64_t layers = 0;    // num_hidden_layers
  std::int64_t heads = 0;     // num_attention_heads
  std::int64_t kv_heads = 0;  // num_key_value_heads, else heads; divides them
  std::int64_t head_dim = 0;  // head_dim, else what the family takes, else hidden / heads
  bool tied = false;          // tie_word_embeddings, else whether the checkpoint has no lm_head.weight
};

// Values out of range are Error{kBadData} naming the key. `absent_head_dim`: what the family takes in place of
// hidden / heads.
DecoderShape read_decoder_shape(ConfigReader& config, WeightSource& source,
                                std::optional<std::int64_t> absent_head_dim = {});

// The kind of each layer from layer_types: empty when the configuration is silent, else one of `known` for each layer.
std::vector<std::string> read_layer_types(ConfigReader& config, std::int64_t layers,
                                          std::span<const std::string_view> known);

// The largest width of a feed-forward and number of heads or experts that a configuration may ask for.
inline constexpr IntegerRange kWidths{.min = 1, .max = 1 << 24}, kCounts{.min = 1, .max = 65536};

}  // namespace ttt
