#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/token_model.h"
#include "text/token_trie.h"
#include "text/vocabulary.h"

namespace ttt {

// WordPiece (Wu et al., 2016, arXiv:1609.08144), as BERT splits words: the longest token at the start of the word, then
// the longest token with the prefix of continuations, and so on. A word that cannot be split completely, or that is too
// long, is the unknown token.
class WordPieceModel : public TokenModel {
 public:
  struct Options {
    std::string prefix = "##";                 // of tokens that continue a word
    std::string mark = {};                     // of tokens that start a word
    std::size_t longest_word = 100;            // characters
    std::optional<std::int32_t> unknown = {};  // without it such a word is an error
  };

  // `vocabulary` is not used after construction.
  WordPieceModel(const Vocabulary& vocabulary, Options options);

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  bool cut(std::string_view word, std::vector<std::int32_t>& ids) const;

  Options options_;
  TokenTrie trie_;
  std::uint32_t inner_;  // the node after the prefix
};

// WordLevel: a word that is a token is that token, another one the unknown token.
class WordLevelModel : public TokenModel {
 public:
  // `vocabulary` must outlive the model.
  WordLevelModel(const Vocabulary& vocabulary, std::optional<std::int32_t> unknown)
      : vocabulary_(vocabulary), unknown_(unknown) {}

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  const Vocabulary& vocabulary_;
  std::optional<std::int32_t> unknown_;
};

}  // namespace ttt
