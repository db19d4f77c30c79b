#pragma once

#include <cstdint>
#include <filesystem>

#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

namespace ttt {

// Most bytes of one file of a tokenizer or of its settings.
inline constexpr std::int64_t kTokenizerFileBytes = std::int64_t{256} << 20;

// The tokenizer that comes with a checkpoint: tokenizer.json, or else tokenizer.model (spiece.model), vocab.json and
// merges.txt, or vocab.txt, with the files in the same directory (tokenizer_config.json, special_tokens_map.json,
// added_tokens.json), or the vocabulary in GGUF metadata. It may know more tokens than the model has rows for.
// Error{kBadData} when there is none; Error{kUnsupported} naming a kind that is not supported.
Tokenizer load_tokenizer(const Checkpoint& checkpoint);

// The same from a directory or GGUF file that need not hold a model: configuration and weights are not read.
Tokenizer load_tokenizer(const std::filesystem::path& path);

// What tokenizer_config.json beside a checkpoint says of texts that are too long: model_max_length and truncation_side.
// No limit where it says none; Error{kBadData} for values of another kind.
TextLimit read_text_limit(const Checkpoint& checkpoint);

// Whether a directory holds a file that the above reads.
bool has_tokenizer(const std::filesystem::path& directory);

}  // namespace ttt
