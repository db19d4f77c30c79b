#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/token_model.h"
#include "text/token_trie.h"
#include "text/vocabulary.h"

namespace ttt {

// WordPiece (Wu et al., 2016, arXiv:1609.08144), as BERT cuts words: the longest token that the word starts with, then
// the longest one spelled with a prefix that says that it goes on, and so on. A word that cannot be cut to its end, or
// that is too long, is the unknown token.
class WordPieceModel : public TokenModel {
 public:
  struct Options {
    std::string prefix = "##";                 // of tokens that go on
    std::string mark = {};                     // of tokens that start a word
    std::size_t longest_word = 100;            // characters
    std::optional<std::int32_t> unknown = {};  // without it such a word is an error
  };

  // `vocabulary` may go when the model is built.
  WordPieceModel(const Vocabulary& vocabulary, Options options);

  void encode(std::string_view word, ModelScratch& scratch, std::vector<std::int32_t>& ids) const override;

 private:
  bool cut(std::string_view word, std::vector<std::int32_t>& ids) const;

  Options options_;
  TokenTrie trie_;
  std::uint32_t inner_;  // the node behind the prefix
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
