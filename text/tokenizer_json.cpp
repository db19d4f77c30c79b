#include <algorithm>
#include <set>
#include <utility>

#include "base/utf8.h"
#include "text/converted_json.h"
#include "text/json_fields.h"
#include "text/model_json.h"
#include "text/token_files.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"

namespace ttt {
namespace {

void register_tokens(const AddedVocabulary& vocabulary, TokenizerParts& parts, std::string_view where) {
  std::set<std::string> special;
  for (const auto& [id, token] : vocabulary.tokens()) {
    if (!parts.vocabulary.find(token.content)) parts.added.add(token.content, id, where);
    if (token.special) special.insert(token.content);
  }
  parts.size_flags();
  for (const auto& [id, token] : vocabulary.tokens()) {
    parts.find_in_text(token, where);
    // The reference compares the text that it decodes, which normalisation may have changed.
    parts.skipped[static_cast<std::size_t>(id)] = special.contains(parts.decoded(id));
  }
  parts.raw_tokens.build();
  parts.normalized_tokens.build();
}

void take_names(const NamedTokens& names, TokenizerParts& parts) {
  const auto id_of = [&](std::string_view name) {
    const auto found = names.find(name);
    return found == names.end() ? std::optional<std::int32_t>() : parts.id_of(found->second);
  };
  parts.bos = id_of("bos");
  parts.eos = id_of("eos");
  parts.pad = id_of("pad");
  if (const auto unk = id_of("unk")) parts.unk = unk;
}

// transformers 5 takes begin and end tokens from the template in tokenizer.json alone; version 4 let these keys add to
// it.
void compare_with_template(const Json& config, TokenizerParts& parts, std::string_view where) {
  const auto ids_of = [](const std::vector<std::int64_t>& ids, const std::optional<std::int32_t>& id) {
    return id && std::find(ids.begin(), ids.end(), *id) != ids.end();
  };
  const auto warn = [&](std::string_view key, const std::optional<std::int32_t>& id, bool there) {
    if (!id || there || !bool_field(config, key, false, where)) return;
    parts.warnings.push_back(
        text(where, ": ", key,
             " is true, but the post_processor of tokenizer.json adds no such token, and that alone "
             "counts, as in transformers 5"));
  };
  warn("add_bos_token", parts.bos, ids_of(parts.post_processor.before(), parts.bos));
  warn("add_eos_token", parts.eos, ids_of(parts.post_processor.after(), parts.eos));
}

TokenizerFiles with_config(TokenizerFiles files, const Json& config) {
  files.config = &config;
  return files;
}

}  // namespace

Tokenizer Tokenizer::from_json(const Json& json, const TokenizerFiles& beside, std::string_view where) {
  return from_document(json, beside, true, where);
}

Tokenizer Tokenizer::from_sentencepiece(std::string_view model, const TokenizerFiles& beside, std::string_view where) {
  const ConvertedJson json = json_of_sentencepiece(SentencePieceModel::parse(model, where), beside.config, where);
  return from_document(json.tokenizer, with_config(beside, json.config), false, where);
}

Tokenizer Tokenizer::from_vocab_txt(std::string_view vocab, const TokenizerFiles& beside, std::string_view where) {
  require(is_valid_utf8(vocab), ErrorKind::kBadData, where, ": is no valid UTF-8");
  const ConvertedJson json = json_of_vocab_txt(vocab, beside.config, where);
  return from_document(json.tokenizer, with_config(beside, json.config), true, where);
}

Tokenizer Tokenizer::from_merges(const Json& vocab, std::string_view merges, const TokenizerFiles& beside,
                                 std::string_view where) {
  require(is_valid_utf8(merges), ErrorKind::kBadData, where, ": merges.txt is no valid UTF-8");
  const ConvertedJson json = json_of_merges(vocab, merges, beside.config, where);
  return from_document(json.tokenizer, with_config(beside, json.config), true, where);
}

Tokenizer Tokenizer::from_document(const Json& json, const TokenizerFiles& beside, bool read_decimals,
                                   std::string_view where) {
  const std::string version = string_field(json, "version", "1.0", where);
  require(version == "1.0", ErrorKind::kUnsupported, where, ": version \"", version, "\" is not supported");
  auto parts = std::make_shared<TokenizerParts>();
  parts->normalizer = Normalizer::from_json(part_of(json, "normalizer"), where);
  parts->pre_tokenizer = PreTokenizer::from_json(part_of(json, "pre_tokenizer"), where);
  parts->post_processor = PostProcessor::from_json(part_of(json, "post_processor"), where);
  parts->decoder = Decoder::from_json(part_of(json, "decoder"), where);
  read_model(json.at("model", where), *parts, read_decimals, text(where, ": model"));
  AddedVocabulary vocabulary(parts->vocabulary);
  vocabulary.read(part_of(json, "added_tokens"), text(where, ": added_tokens"));
  const NamedTokens names = add_tokens_beside(beside, vocabulary, where);
  register_tokens(vocabulary, *parts, text(where, ": added_tokens"));
  take_names(names, *parts);
  if (beside.config != nullptr) compare_with_template(*beside.config, *parts, text(where, ": tokenizer_config"));
  parts->check(where);
  return Tokenizer(std::move(parts));
}

}  // namespace ttt
