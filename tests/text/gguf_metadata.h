#pragma once

#include "base/json.h"
#include "text/gguf_vocabulary.h"

namespace ttt {

// The tokenizer.ggml.* metadata of a GGUF file as tools/make_gguf_tokenizer_fixtures.py dumps it.
inline GgufVocabulary vocabulary_from_metadata(const Json& json) {
  GgufVocabulary v;
  const auto list = [&](const char* key) {
    const Json* found = json.find(key);
    return found == nullptr ? Json::Array{} : found->as_array(key);
  };
  const auto id = [&](const char* key) {
    const Json* found = json.find(key);
    return found == nullptr ? std::optional<std::int64_t>() : found->as_integer(key);
  };
  const auto yes = [&](const char* key) {
    const Json* found = json.find(key);
    return found == nullptr ? std::optional<bool>() : found->as_bool(key);
  };
  v.model = json.at("model", "metadata").as_string("model");
  if (const Json* pre = json.find("pre")) v.pre = pre->as_string("pre");
  for (const Json& token : list("tokens")) v.tokens.push_back(token.as_string("tokens"));
  for (const Json& score : list("scores")) v.scores.push_back(static_cast<float>(score.as_number("scores")));
  for (const Json& type : list("token_type")) v.types.push_back(static_cast<std::int32_t>(type.as_integer("type")));
  for (const Json& merge : list("merges")) v.merges.push_back(merge.as_string("merges"));
  v.bos = id("bos_token_id");
  v.eos = id("eos_token_id");
  v.eot = id("eot_token_id");
  v.eom = id("eom_token_id");
  v.unk = id("unknown_token_id");
  v.pad = id("padding_token_id");
  v.add_bos = yes("add_bos_token");
  v.add_eos = yes("add_eos_token");
  v.add_space_prefix = yes("add_space_prefix");
  return v;
}

}  // namespace ttt
