#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/merge_queue.h"
#include "text/pair_cache.h"
#include "text/word_cache.h"

namespace ttt {

// Memory of a TokenModel for one call, reused from word to word.
struct ModelScratch {
  // Of UnigramModel: the best segmentation up to the end of a character.
  struct Step {
    double score = 0;
    std::int32_t begin = -1;  // where its last token starts; -1: not reached
    std::int32_t id = -1;
  };

  PairCache pairs;
  WordCache words;  // of this memory's model: whole words, and parts that are encoded like words
  MergeLoop merges;
  std::vector<Step> steps;
};

// A model converts one word to ids. The ids of a word depend only on the word.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  // Appends the ids of `word`, valid UTF-8. `scratch` may be used by one call at a time. Throws Error{kBadData} if
  // a word needs an unknown token and the vocabulary has none.
  virtual void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const = 0;
};

}  // namespace ttt
