#include "text/json_parts.h"

#include <optional>

#include "base/error.h"
#include "text/json_fields.h"

namespace ttt::json_parts {

Json object(Members members) {
  Json::Object result;
  for (const auto& [key, value] : members) result.emplace_back(std::string(key), value);
  return Json(std::move(result));
}

Json typed(std::string_view type, Members members) {
  Json::Object result;
  result.emplace_back("type", Json(type));
  for (const auto& [key, value] : members) result.emplace_back(std::string(key), value);
  return Json(std::move(result));
}

Json document(Json model, Json normalizer, Json pre_tokenizer, Json post_processor, Json decoder) {
  return object({{"version", Json("1.0")},
                 {"added_tokens", Json(Json::Array{})},
                 {"normalizer", std::move(normalizer)},
                 {"pre_tokenizer", std::move(pre_tokenizer)},
                 {"post_processor", std::move(post_processor)},
                 {"decoder", std::move(decoder)},
                 {"model", std::move(model)}});
}

// "BertTokenizerFast" is "BertTokenizer"; "" where the file names none.
std::string class_of(const Json* config, std::string_view where) {
  if (config == nullptr) return "";
  std::string name = string_field(*config, "tokenizer_class", "", where);
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name == "PreTrainedTokenizer" || name == "TokenizersBackend" ? "" : name;
}

void refuse_class(const std::string& name, std::string_view file, std::string_view where) {
  fail(ErrorKind::kUnsupported, text(where, ": tokenizer_class \"", name, "\" with ", file,
                                     " alone is not supported; tokenizer.json is wanted beside it"));
}

// The configuration with the tokens that are named by default.
Json completed(const Json* config, std::initializer_list<std::pair<std::string_view, std::string_view>> defaults) {
  Json result = config != nullptr ? *config : Json(Json::Object{});
  for (const auto& [key, token] : defaults) {
    if (result.find(key) == nullptr) result.set(key, Json(token));
  }
  return result;
}

std::string token_named(const Json& config, std::string_view key, std::string_view where) {
  const Json& token = config.at(key, where);
  return token.is_object() ? string_field(token, "content", text(where, " ", key))
                           : token.as_string(text(where, " ", key));
}

Json added_piece(const std::string& token, std::int64_t type) {
  return object({{"SpecialToken", object({{"id", Json(token)}, {"type_id", Json(type)}})}});
}

Json text_piece(std::string_view sequence, std::int64_t type) {
  return object({{"Sequence", object({{"id", Json(sequence)}, {"type_id", Json(type)}})}});
}

Json template_of(Json::Array single, Json::Array pair,
                 const std::vector<std::pair<std::string, std::int64_t>>& tokens) {
  Json special{Json::Object{}};
  for (const auto& [token, id] : tokens) special.set(token, object({{"ids", Json(Json::Array{Json(id)})}}));
  return typed("TemplateProcessing",
               {{"single", Json(std::move(single))}, {"pair", Json(std::move(pair))}, {"special_tokens", special}});
}

std::int64_t id_in(const Json& vocab, const std::string& token, std::string_view where) {
  const Json* id = vocab.find(token);
  require(id != nullptr, ErrorKind::kBadData, where, ": the token \"", token.substr(0, 100),
          "\" is not in the vocabulary");
  return id->as_integer(where);
}

// What add_bos_token and add_eos_token of the configuration ask for.
Json begin_and_end(const Json& config, const Json& vocab, bool begin, bool end, std::string_view where) {
  Json::Array single, pair;
  std::vector<std::pair<std::string, std::int64_t>> tokens;
  const auto known = [&](std::string_view key) -> std::optional<std::string> {
    const Json* named = config.find(key);
    if (named == nullptr || named->is_null()) return std::nullopt;
    const std::string token = token_named(config, key, where);
    tokens.emplace_back(token, id_in(vocab, token, where));
    return token;
  };
  const auto bos = begin ? known("bos_token") : std::nullopt;
  const auto eos = end ? known("eos_token") : std::nullopt;
  for (const std::int64_t type : {0, 1}) {
    if (bos) pair.push_back(added_piece(*bos, type));
    pair.push_back(text_piece(type == 0 ? "A" : "B", type));
    if (eos) pair.push_back(added_piece(*eos, type));
    if (type == 0) single = pair;
  }
  return template_of(std::move(single), std::move(pair), tokens);
}

}  // namespace ttt::json_parts
