#pragma once

#include <cstdint>
#include <vector>

#include "text/gguf_vocabulary.h"

namespace ttt {

enum class GgufTokenType : std::int32_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// The types of the tokens of a GGUF file, and which of them end a generation. Files often lack the keys and the types
// of tokens that end a turn, so these are also known by name, as in llama.cpp (src/llama-vocab.cpp,
// llama_vocab::impl::load).
struct GgufTokenKinds {
  std::vector<GgufTokenType> types;  // by id
  std::vector<std::int32_t> ends;    // sorted
};

// `vocabulary.types` must be empty or have one entry for each token.
GgufTokenKinds gguf_token_kinds(const GgufVocabulary& vocabulary);

}  // namespace ttt
