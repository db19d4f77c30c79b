#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

// Parts of a tokenizer.json, for readers that make it from other files (text/converted_json.h).
namespace ttt::json_parts {

using Members = std::initializer_list<std::pair<std::string_view, Json>>;

Json object(Members members);
Json typed(std::string_view type, Members members = {});  // an object with that "type"
Json document(Json model, Json normalizer, Json pre_tokenizer, Json post_processor, Json decoder);

// tokenizer_class: "BertTokenizerFast" is "BertTokenizer"; "" where the file names none.
std::string class_of(const Json* config, std::string_view where);
[[noreturn]] void refuse_class(const std::string& name, std::string_view file, std::string_view where);
// The configuration with the tokens that are named by default.
Json completed(const Json* config, std::initializer_list<std::pair<std::string_view, std::string_view>> defaults);
// The text of a token that the configuration names.
std::string token_named(const Json& config, std::string_view key, std::string_view where);

// Pieces of a template: a token, and the sequence "A" or "B".
Json added_piece(const std::string& token, std::int64_t type);
Json text_piece(std::string_view sequence, std::int64_t type);
Json template_of(Json::Array single, Json::Array pair, const std::vector<std::pair<std::string, std::int64_t>>& tokens);
// Throws Error{kBadData} naming a token that the vocabulary, an object of ids, lacks.
std::int64_t id_in(const Json& vocab, const std::string& token, std::string_view where);
// The template with the begin and end tokens that are wanted and named.
Json begin_and_end(const Json& config, const Json& vocab, bool begin, bool end, std::string_view where);

}  // namespace ttt::json_parts
