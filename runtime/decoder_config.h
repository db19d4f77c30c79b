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

// What the configurations of most decoders have.
struct DecoderShape {
  std::int64_t vocab = 0;
  std::int64_t hidden = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;  // divides heads
  std::int64_t head_dim = 0;
  bool tied = false;                                 // one tensor is embedding and head
  TensorName embedding = "weight", head = "weight";  // below the modules of embedding and head
};

// How a family's configuration names them; an empty name: it has no such key. The last two are tensors.
struct DecoderNames {
  std::string_view vocab = "vocab_size", hidden = "hidden_size", layers = "num_hidden_layers",
                   heads = "num_attention_heads", kv_heads = "num_key_value_heads", head_dim = "head_dim",
                   tied = "tie_word_embeddings";
  std::string_view embedding_weight = "model.embed_tokens.weight", head_weight = "lm_head.weight";
};

// What stands for a key that is missing. Absent here: the key is wanted, but kv_heads is heads, head_dim is
// hidden / heads, and tied is whether the checkpoint has no lm_head.weight. A key that is null is none of these: then
// kv_heads is heads.
struct DecoderDefaults {
  std::optional<std::int64_t> vocab = {}, hidden = {}, layers = {}, heads = {}, kv_heads = {}, head_dim = {};
  std::optional<bool> tied = {};
};

// Values out of range are Error{kBadData} naming the key. Embedding and head that are said to be one but are two
// tensors stay two, as in the reference; load_model warns when they differ. Of one that is missing the other takes the
// place.
DecoderShape read_decoder_shape(ConfigReader& config, WeightSource& source, const DecoderDefaults& defaults = {},
                                const DecoderNames& names = {});

// The kind of each layer from layer_types: empty when the configuration is silent, else one of `known` for each layer.
std::vector<std::string> read_layer_types(ConfigReader& config, std::int64_t layers,
                                          std::span<const std::string_view> known);

// The largest width of a feed-forward and number of heads or experts that a configuration may ask for.
inline constexpr IntegerRange kWidths{.min = 1, .max = 1 << 24}, kCounts{.min = 1, .max = 65536};

}  // namespace ttt
