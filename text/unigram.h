#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "text/token_model.h"
#include "text/token_trie.h"
#include "text/vocabulary.h"

namespace ttt {

// The unigram language model (Kudo, 2018, arXiv:1804.10959): of all segmentations of a word into tokens, the one whose
// scores have the largest sum. The score of a character that is not a token is 10 less than the lowest score.
// Neighbouring unknown characters are one piece, which becomes its <0xHH> tokens, or the unknown token.
class UnigramModel : public TokenModel {
 public:
  struct Options {
    std::optional<std::int32_t> unknown = {};  // without it a character that is not a token is an error
    bool byte_fallback = false;
    // Neighbouring unknown characters become one piece; else each is one.
    bool fuse_unknown = true;
  };

  // `scores` by id: numbers, or -infinity for a token that is never used. `vocabulary` must outlive the model.
  UnigramModel(const Vocabulary& vocabulary, std::vector<double> scores, const Options& options);

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  void search(std::string_view word, std::vector<ModelScratch::Step>& steps) const;
  void add_unknown(std::string_view piece, std::vector<std::int32_t>& ids) const;

  const Vocabulary& vocabulary_;
  Options options_;
  TokenTrie trie_;
  std::vector<double> scores_;  // by id
  double unknown_score_ = 0;
  std::array<std::int32_t, 256> fallback_ids_{};
};

}  // namespace ttt
