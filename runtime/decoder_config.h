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

// The values that most decoders' configurations have.
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

// The keys of a family's configuration; an empty name: it has no such key. The last two are tensors.
struct DecoderNames {
  std::string_view vocab = "vocab_size", hidden = "hidden_size", layers = "num_hidden_layers",
                   heads = "num_attention_heads", kv_heads = "num_key_value_heads", head_dim = "head_dim",
                   tied = "tie_word_embeddings";
  std::string_view embedding_weight = "model.embed_tokens.weight", head_weight = "lm_head.weight";
};

// Defaults of missing keys. A key without a default here is required, with three exceptions: kv_heads is then heads,
// head_dim is hidden / heads, and tied is whether the checkpoint has no lm_head.weight. If the key of kv_heads is null,
// kv_heads is heads.
struct DecoderDefaults {
  std::optional<std::int64_t> vocab = {}, hidden = {}, layers = {}, heads = {}, kv_heads = {}, head_dim = {};
  std::optional<bool> tied = {};
};

// Values out of range are Error{kBadData} naming the key. If embedding and head are declared tied but are two
// tensors, both are used, as in the reference; load_model warns when they differ. If one is missing, the other replaces
// it.
DecoderShape read_decoder_shape(ConfigReader& config, WeightSource& source, const DecoderDefaults& defaults = {},
                                const DecoderNames& names = {});

// The kind of each layer from layer_types: empty when the key is missing, else one of `known` for each layer.
std::vector<std::string> read_layer_types(ConfigReader& config, std::int64_t layers,
                                          std::span<const std::string_view> known);

// The largest width of a feed-forward and number of heads or experts that a configuration may have.
inline constexpr IntegerRange kWidths{.min = 1, .max = 1 << 24}, kCounts{.min = 1, .max = 65536};

}  // namespace ttt
