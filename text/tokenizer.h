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

namespace ttt {

struct TokenizerParts;

struct EncodeOptions {
  bool add_special = true;    // begin and end tokens, as the file asks for
  bool parse_special = true;  // the text of a special token is that token; without, it is text like any other
};

struct DecodeOptions {
  bool skip_special = false;
};

// Text to token ids and back. Constant after construction: one object may serve any number of threads.
//
// Ids agree with the Hugging Face tokenizers library for tokenizer.json, and with llama.cpp for GGUF files.
class Tokenizer {
 public:
  // Reads a tokenizer.json with a BPE model. `config` (tokenizer_config.json) may be null; it names the begin, end,
  // unknown and padding tokens. When the file has no template of its own, its add_bos_token and add_eos_token count.
  // Truncation and padding in the file are ignored. Throws Error{kUnsupported} naming anything not known, and
  // Error{kBadData} on a vocabulary or merge list that contradicts itself. `where` opens every message.
  static Tokenizer from_json(const Json& tokenizer_json, const Json* config, std::string_view where);
  // Throws as from_json does.
  static Tokenizer from_gguf(const GgufVocabulary& vocabulary, std::string_view where);

  // Invalid UTF-8 is read as U+FFFD, one for each maximal invalid part (as Python's errors="replace"). Time is linear
  // in the text. Throws Error{kUsage} on text of 512 MiB and more.
  std::vector<std::int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Valid UTF-8, bytes that form no character being U+FFFD. Throws Error{kUsage} naming an id that is no token.
  std::string decode(std::span<const std::int32_t> ids, const DecodeOptions& options = {}) const;

  std::int64_t vocab_size() const;  // one more than the highest id
  bool is_token(std::int64_t id) const;
  // The token as the file spells it. Throws Error{kUsage} naming an id that is no token.
  const std::string& token_text(std::int64_t id) const;
  std::optional<std::int32_t> id_of(std::string_view token) const;
  bool is_special(std::int64_t id) const;
  std::optional<std::int32_t> bos_id() const;
  std::optional<std::int32_t> eos_id() const;
  std::optional<std::int32_t> eot_id() const;  // end of a turn; GGUF files only
  std::optional<std::int32_t> unk_id() const;
  std::optional<std::int32_t> pad_id() const;
  bool adds_bos() const;  // encode with add_special starts with bos_id()
  bool adds_eos() const;

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}

  std::shared_ptr<const TokenizerParts> parts_;
};

// Decodes ids as they come. No piece ends within a character; the pieces and finish() together are decode() of all ids.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = {});
  // Throws Error{kUsage} naming an id that is no token.
  std::string push(std::int32_t id);
  // What was held back; bytes of an unfinished character become U+FFFD. Call once, last.
  std::string finish();

 private:
  std::shared_ptr<const TokenizerParts> parts_;
  DecodeOptions options_;
  DecodeStream stream_;
};

}  // namespace ttt
