#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "text/pattern.h"

namespace ttt {

// Members of a tokenizer.json object. A wrong type throws Error{kBadData} naming the member; without a default, so does
// its absence. A member that is null is treated as absent.
std::string string_field(const Json& json, std::string_view key, std::string_view where);
std::string string_field(const Json& json, std::string_view key, std::string_view fallback, std::string_view where);
bool bool_field(const Json& json, std::string_view key, bool fallback, std::string_view where);
std::int64_t integer_field(const Json& json, std::string_view key, std::string_view where);

// One character.
std::string character_field(const Json& json, std::string_view key, std::string_view where);

// The "pattern" member: {"String": ...} or {"Regex": ...}. Throws Error{kUnsupported} quoting an unknown expression.
Pattern pattern_field(const Json& json, std::string_view where);
// The same when it is a string.
std::string literal_field(const Json& json, std::string_view where);

}  // namespace ttt
