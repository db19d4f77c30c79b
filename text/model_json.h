#pragma once

#include <string_view>

#include "base/json.h"
#include "text/tokenizer_parts.h"

namespace ttt {

// Reads the "model" of a tokenizer.json into the vocabulary, the model and the unknown token of `parts`, whose
// pre-tokenizer must be there. Throws Error{kUnsupported} naming an unknown type or option, Error{kBadData} on a
// vocabulary or a list of merges that contradicts itself.
// `read_decimals`: scores are as the reference reads them from text, to the last bit.
void read_model(const Json& model, TokenizerParts& parts, bool read_decimals, std::string_view where);

// The member `key`; null where there is none.
const Json& part_of(const Json& json, std::string_view key);

}  // namespace ttt
