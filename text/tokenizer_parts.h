#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/decoder.h"
#include "text/normalizer.h"
#include "text/post_processor.h"
#include "text/pre_tokenizer.h"
#include "text/scratch_pool.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace ttt {

// The parts of a Tokenizer.
struct TokenizerParts {
  Vocabulary vocabulary;  // of the model, which refers to it: the parts must not be moved
  Vocabulary added;       // tokens that the model does not have
  std::unique_ptr<const TokenModel> model;
  mutable ScratchPool scratch;  // of encode; affects only its speed
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  AddedTokens raw_tokens;         // matched in the original text
  AddedTokens normalized_tokens;  // matched in normalised text
  PostProcessor post_processor;
  Decoder decoder;

  std::vector<bool> special;                                 // by id
  std::vector<bool> skipped;                                 // by id: left out by skip_special
  std::vector<bool> verbatim;                                // by id: not subject to `space_mark`
  std::unordered_map<std::int32_t, std::string> decoded_as;  // where the text for decode differs from token_text
  std::string space_mark;                                    // not empty: the mark of ' ' in tokens, for decode

  std::optional<std::int32_t> bos, eos, eot, unk, pad;
  std::vector<std::int32_t> ends;  // of a generation, sorted
  std::vector<std::string> warnings, notes;

  const std::string* text_of(std::int64_t id) const;
  std::optional<std::int32_t> id_of(std::string_view token) const;
  std::int64_t size() const;
  // The text of a token for decode. Throws Error{kUsage} naming an id that is no token.
  std::string decoded(std::int32_t id) const;

  // Registers a token that is found in text; call size_flags() before the first. `token.id` must be a token.
  void find_in_text(AddedToken token, std::string_view where);
  void size_flags();
  // Appends the ids of a text, without begin and end tokens.
  void encode(std::string_view text, const EncodeOptions& options, std::vector<std::int32_t>& ids) const;
  // Throws Error{kBadData} unless the template's ids and the named tokens are tokens.
  void check(std::string_view where) const;
};

bool flag(const std::vector<bool>& flags, std::int64_t id);

}  // namespace ttt
