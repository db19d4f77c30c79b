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

// The tokens that are found in text, by id, as a tokenizer.json and the files beside it have them.
class AddedVocabulary {
 public:
  explicit AddedVocabulary(const Vocabulary& model) : model_(model), next_(model.count()) {}

  // The "added_tokens" of a tokenizer.json; null: none. Error{kBadData} on an id that contradicts the vocabulary.
  void read(const Json& list, std::string_view where);
  // As tokenizers' add_tokens: a token that is known, here or in the model, keeps its id and takes the new properties;
  // another one gets the next id. Once special it stays so.
  void add(AddedToken token);

  bool has(std::string_view content) const { return ids_.contains(std::string(content)); }
  const std::map<std::int32_t, AddedToken>& tokens() const { return tokens_; }

 private:
  void keep(AddedToken token);

  const Vocabulary& model_;
  std::map<std::int32_t, AddedToken> tokens_;
  std::map<std::string, std::int32_t> ids_;  // ordered: texts that collide on purpose cost nothing
  std::int64_t next_;                        // id of a token that nobody knows
};

// Tokens with a purpose, by the name of the key without "_token": "bos".
using NamedTokens = std::map<std::string, std::string, std::less<>>;

// Adds to `vocabulary` what the files beside the tokenizer.json add, in the order in which transformers 5 does
// (PreTrainedTokenizerBase._from_pretrained and TokenizersBackend.__init__): added_tokens_decoder of
// tokenizer_config.json, or, where that is missing, special_tokens_map.json and added_tokens.json; then the named
// tokens (bos_token, ..., and any other key that ends with _token); then extra_special_tokens, which
// was additional_special_tokens before version 5. Ids in these files are not looked at. Returns the named tokens.
NamedTokens add_tokens_beside(const TokenizerFiles& files, AddedVocabulary& vocabulary, std::string_view where);

// These alone, where no vocabulary is at hand.
NamedTokens named_tokens(const TokenizerFiles& files, std::string_view where);

}  // namespace ttt
