#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace ttt {

// The tokens that are found in text, by id, from a tokenizer.json and the files in its directory.
class AddedVocabulary {
 public:
  explicit AddedVocabulary(const Vocabulary& model) : model_(model), next_(model.count()) {}

  // The "added_tokens" of a tokenizer.json; null: none. Error{kBadData} on an id that contradicts the vocabulary.
  void read(const Json& list, std::string_view where);
  // As tokenizers' add_tokens: a token that is known, here or in the model, keeps its id and has the new properties;
  // another token has the next id. A special token remains special.
  void add(AddedToken token);

  bool has(std::string_view content) const { return ids_.contains(std::string(content)); }
  const std::map<std::int32_t, AddedToken>& tokens() const { return tokens_; }

 private:
  void keep(AddedToken token);

  const Vocabulary& model_;
  std::map<std::int32_t, AddedToken> tokens_;
  std::map<std::string, std::int32_t> ids_;  // ordered: chosen keys cannot make it slow
  std::int64_t next_;                        // id of the next unknown token
};

// Tokens with a role, by the name of the key without "_token": "bos".
using NamedTokens = std::map<std::string, std::string, std::less<>>;

// Adds to `vocabulary` the tokens of the files in the tokenizer.json's directory, in the order of transformers 5
// (PreTrainedTokenizerBase._from_pretrained and TokenizersBackend.__init__): added_tokens_decoder of
// tokenizer_config.json, or, where that is missing, special_tokens_map.json and added_tokens.json; then the named
// tokens (bos_token, ..., and any other key that ends with _token); then extra_special_tokens, which
// was additional_special_tokens before version 5. Ids in these files are ignored. Returns the named tokens.
NamedTokens add_tokens_beside(const TokenizerFiles& files, AddedVocabulary& vocabulary, std::string_view where);

// The named tokens alone, without a vocabulary.
NamedTokens named_tokens(const TokenizerFiles& files, std::string_view where);

}  // namespace ttt
