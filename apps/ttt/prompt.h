#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "text/tokenizer.h"

namespace ttt::app {

// Prints the tokenizer's warnings on stderr, and with -v its notes.
void say_remarks(const Tokenizer& tokenizer, int verbose);

// Ids of a text as a user typed it. Warns when the text itself starts with the begin token, or ends with the end token,
// that the tokenizer adds: the model then sees two, which it did not in training.
std::vector<std::int32_t> encode_text(const Tokenizer& tokenizer, std::string_view text, bool add_special);

// Warns when the model has a chat template and `text` was not made by one: it has none of the control tokens, and not
// the text with which the template begins an assistant's answer.
void warn_of_bare_prompt(const std::filesystem::path& model, const Tokenizer& tokenizer, std::string_view text);

// Error{kBadData} naming a token that the model has no row for: a tokenizer may know more tokens than the model.
void require_rows(const Tokenizer& tokenizer, std::span<const std::int32_t> ids, std::int64_t vocab_size);

// How long a text may be for a model with room for `context` rows, and as the tokenizer's files say.
TextLimit text_limit(const Checkpoint& checkpoint, std::int64_t context);

}  // namespace ttt::app
