#pragma once

#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "text/grammar/json_text.h"

namespace ttt {

// Writes the texts that a JSON schema describes into a grammar; returns its rule. What is read of Draft 2020-12, and
// how, is in docs/structured_output.md.
//
// Every message names the place in the schema as a JSON pointer. Error{kUnsupported} naming a keyword or a combination
// that is not supported; Error{kBadData} for what is no schema, for one without any value, and for limits.
std::uint32_t read_json_schema(const Json& schema, GrammarGraph& graph, JsonSpace space);

}  // namespace ttt
