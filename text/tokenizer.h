#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/decoder.h"
#include "text/gguf_vocabulary.h"
#include "text/text_range.h"

namespace ttt {

struct TokenizerParts;

// How many ids a text, or two, may become with those that are added to them. What is too long loses ids at its end, or
// at its beginning: of two texts first the longer one down to the other's length, then both. As truncation of the
// Hugging Face tokenizers library, with the strategy "longest_first".
struct TextLimit {
  std::int64_t ids = 0;  // 0: any number
  bool keeps_end = false;
};

struct EncodeOptions {
  bool add_special = true;    // begin and end tokens, if the file has them
  bool parse_special = true;  // the text of a special token is that token; without, it is ordinary text
  // Parts of the text, in order and valid UTF-8 each, whose author may not write control tokens: a special token, or
  // one of `controls` (ids, sorted), that would overlap one of them is ordinary text. Used with parse_special.
  std::span<const TextRange> plain = {};
  std::span<const std::int32_t> controls = {};
  TextLimit limit = {};
};

struct DecodeOptions {
  bool skip_special = false;
};

// Ids and, for each, the token type for the model's embedding.
struct Encoding {
  std::vector<std::int32_t> ids, types;
};

// The other files in a tokenizer.json's directory, each null if it is absent.
struct TokenizerFiles {
  const Json* config = nullptr;              // tokenizer_config.json
  const Json* special_tokens_map = nullptr;  // special_tokens_map.json
  const Json* added_tokens = nullptr;        // added_tokens.json
};

// Text to token ids and back. Constant after construction: one object may serve any number of threads.
//
// Ids agree with the Hugging Face tokenizers library for tokenizer.json, and with llama.cpp for GGUF files of merges;
// those of bert and t5 agree with the tokenizers that they were made from (docs/tokenizers.md).
class Tokenizer {
 public:
  // Reads a tokenizer.json. The files in `beside` name the begin, end, unknown and padding tokens, and
  // add tokens or change how they are found, as transformers 5 reads them (text/token_files.h). Truncation and padding
  // in the file are ignored. Throws Error{kUnsupported} naming anything not known, and Error{kBadData} on a vocabulary
  // or merge list that contradicts itself. `where` opens every message.
  static Tokenizer from_json(const Json& tokenizer_json, const TokenizerFiles& beside, std::string_view where);
  // A SentencePiece model (tokenizer.model, spiece.model), as transformers 5 converts it. `beside` as for from_json,
  // here and below. These throw as from_json does, and Error{kUnsupported} naming a tokenizer class whose conversion is
  // not known.
  static Tokenizer from_sentencepiece(std::string_view model, const TokenizerFiles& beside, std::string_view where);
  // vocab.txt of BERT: one token per line.
  static Tokenizer from_vocab_txt(std::string_view vocab, const TokenizerFiles& beside, std::string_view where);
  // vocab.json and merges.txt of GPT-2 and RoBERTa.
  static Tokenizer from_merges(const Json& vocab, std::string_view merges, const TokenizerFiles& beside,
                               std::string_view where);
  // Throws as from_json does. Names of pre-tokenizers, end tokens and their types are used as in llama.cpp.
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary, std::string_view where);

  // Invalid UTF-8 is read as U+FFFD, one for each maximal invalid part (as Python's errors="replace"). Time is linear
  // in the text. Throws Error{kUsage} on text of 512 MiB and more, on `plain` with invalid UTF-8 or not in order, and
  // on a limit below one more than the ids that are added.
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // The same with token types.
  Encoding encode_with_types(std::string_view text, const EncodeOptions& options = {}) const;
  // A pair of texts, such as a question and a passage, joined by the template for pairs.
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const;
  // Valid UTF-8, bytes that form no character being U+FFFD. Throws Error{kUsage} naming an id that is no token.
  std::string decode(std::span<const std::int32_t> ids, const DecodeOptions& options = {}) const;

  std::int64_t vocab_size() const;  // one more than the highest id
  bool is_token(std::int64_t id) const;
  // The token as the file spells it. Throws Error{kUsage} naming an id that is no token.
  const std::string& token_text(std::int64_t id) const;
  // What a token adds to a text that it does not begin, as bytes: a character may be spread over several tokens. Throws
  // Error{kUsage} naming an id that is no token, Error{kUnsupported} where that depends on the tokens around it.
  std::string token_bytes(std::int32_t id) const;
  std::optional<std::int32_t> id_of(std::string_view token) const;
  bool is_special(std::int64_t id) const;
  std::vector<std::int32_t> added_ids() const;  // of the tokens that are found in text before the model sees it; sorted
  std::optional<std::int32_t> bos_id() const;
  std::optional<std::int32_t> eos_id() const;
  std::optional<std::int32_t> eot_id() const;  // end of a turn; GGUF files only
  std::optional<std::int32_t> unk_id() const;
  std::optional<std::int32_t> pad_id() const;
  bool adds_bos() const;  // encode with add_special starts with bos_id()
  bool adds_eos() const;
  // How many ids encode with add_special puts before the ids of one text, and after them.
  std::int64_t ids_before() const;
  std::int64_t ids_after() const;
  // Tokens that end a generation, known by key or by name; GGUF files only, sorted.
  const std::vector<std::int32_t>& end_ids() const;

  // Warnings, where files contradict each other and the result may surprise a user; notes, on what was ignored without
  // effect. One sentence each.
  const std::vector<std::string>& warnings() const;
  const std::vector<std::string>& notes() const;

 private:
  friend class StreamDecoder;
  // `read_decimals`: scores are as the reference reads them from text, to the last bit.
  static Tokenizer from_document(const Json& json, const TokenizerFiles& beside, bool read_decimals,
                                 std::string_view where);
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const TokenizerParts> parts_;
};

// Decodes ids one by one. No piece ends within a character; the pieces and finish() together are decode() of all ids.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = {});
  // Starts after `ids`, whose text is known: push and finish return its continuation. The space that the first token of
  // a text loses is kept, and a character that `ids` leave unfinished is completed. Throws as push does.
  void continue_after(std::span<const std::int32_t> ids);
  // Throws Error{kUsage} naming an id that is no token.
  std::string push(std::int32_t id);
  // The text that was held back; bytes of an unfinished character become U+FFFD. Call once, at the end.
  std::string finish();

 private:
  std::shared_ptr<const TokenizerParts> parts_;
  DecodeOptions options_;
  DecodeStream stream_;
};

}  // namespace ttt
