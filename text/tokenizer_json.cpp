#include <set>
#include <utility>

#include "text/json_fields.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"

namespace ttt {
namespace {

const Json& part_of(const Json& json, std::string_view key) {
  static const Json null;
  const Json* found = json.find(key);
  return found == nullptr ? null : *found;
}

void refuse_unless_empty(const Json& model, std::string_view key, std::string_view where) {
  require(string_field(model, key, "", where).empty(), ErrorKind::kUnsupported, where, ": ", key, " \"",
          string_field(model, key, "", where), "\" is not supported");
}

std::vector<BpeModel::Pair> read_merges(const Json& model, std::string_view where) {
  std::vector<BpeModel::Pair> merges;
  const auto& list = model.at("merges", where).as_array(text(where, " merges"));
  merges.reserve(list.size());
  for (const Json& item : list) {
    if (item.is_array()) {
      const auto& pair = item.as_array("");
      require(pair.size() == 2, ErrorKind::kBadData, where, ": merge ", merges.size(), " wanted 2 parts, got ",
              pair.size());
      const std::string here = text(where, " merges");
      merges.emplace_back(pair[0].as_string(here), pair[1].as_string(here));
      continue;
    }
    const std::string& line = item.as_string(text(where, " merges"));
    if (line.rfind("#version", 0) == 0) continue;
    const std::size_t space = line.find(' ');
    require(space != std::string::npos && line.find(' ', space + 1) == std::string::npos, ErrorKind::kBadData, where,
            ": merge ", merges.size(), " wanted two parts with a space between, got \"", line.substr(0, 100), "\"");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

void read_vocabulary(const Json& model, Vocabulary& vocabulary, std::string_view where) {
  const auto& members = model.at("vocab", where).as_object(text(where, " vocab"));
  vocabulary.reserve(members.size());
  const std::string here = text(where, " vocab");
  for (const auto& [token, id] : members) vocabulary.add(token, id.as_integer(here), here);
}

void read_bpe(const Json& model, TokenizerParts& parts, std::string_view where) {
  refuse_unless_empty(model, "continuing_subword_prefix", where);
  refuse_unless_empty(model, "end_of_word_suffix", where);
  const Json& dropout = part_of(model, "dropout");
  require(dropout.is_null() || dropout.as_number(text(where, " dropout")) == 0, ErrorKind::kUnsupported, where,
          ": dropout ", dropout.dump(), " is not supported");
  read_vocabulary(model, parts.vocabulary, where);
  BpeModel::Options options;
  options.byte_level = parts.pre_tokenizer.byte_level();
  options.byte_fallback = bool_field(model, "byte_fallback", false, where);
  options.fuse_unknown = bool_field(model, "fuse_unk", false, where);
  options.ignore_merges = bool_field(model, "ignore_merges", false, where);
  if (!part_of(model, "unk_token").is_null()) {
    const std::string unknown = string_field(model, "unk_token", where);
    options.unknown = parts.vocabulary.find(unknown);
    require(options.unknown.has_value(), ErrorKind::kBadData, where, ": unk_token \"", unknown,
            "\" is not in the vocabulary");
    parts.unk = options.unknown;
  }
  if (options.byte_fallback) check_byte_tokens(parts.vocabulary, where);
  parts.model = std::make_unique<BpeModel>(parts.vocabulary, read_merges(model, where), options, where);
}

void read_model(const Json& model, TokenizerParts& parts, std::string_view where) {
  const std::string type = string_field(model, "type", model.find("merges") != nullptr ? "BPE" : "unnamed", where);
  require(type == "BPE", ErrorKind::kUnsupported, where, ": model of type \"", type, "\" is not supported");
  read_bpe(model, parts, where);
}

AddedToken read_added_token(const Json& json, std::string_view where) {
  AddedToken token;
  token.content = string_field(json, "content", where);
  const std::int64_t id = integer_field(json, "id", where);
  require(id >= 0 && id <= Vocabulary::kLargestId, ErrorKind::kBadData, where, ": token \"",
          token.content.substr(0, 100), "\" wanted an id from 0 to ", Vocabulary::kLargestId, ", got ", id);
  token.id = static_cast<std::int32_t>(id);
  token.single_word = bool_field(json, "single_word", false, where);
  token.lstrip = bool_field(json, "lstrip", false, where);
  token.rstrip = bool_field(json, "rstrip", false, where);
  token.normalized = bool_field(json, "normalized", true, where);
  token.special = bool_field(json, "special", false, where);
  return token;
}

void read_added_tokens(const Json& list, TokenizerParts& parts, std::string_view where) {
  if (list.is_null()) return;
  std::vector<AddedToken> tokens;
  std::set<std::string> contents, special;  // ordered: whoever writes a file could choose strings whose hashes collide
  for (const Json& item : list.as_array(where)) {
    AddedToken token = read_added_token(item, where);
    require(contents.insert(token.content).second, ErrorKind::kBadData, where, ": token \"",
            token.content.substr(0, 100), "\" is there twice");
    if (const auto id = parts.vocabulary.find(token.content)) {
      require(*id == token.id, ErrorKind::kBadData, where, ": token \"", token.content.substr(0, 100), "\" has id ",
              token.id, " but ", *id, " in the vocabulary");
    } else {
      const std::string* taken = parts.vocabulary.text_of(token.id);
      require(taken == nullptr, ErrorKind::kBadData, where, ": id ", token.id, " belongs to \"",
              taken == nullptr ? std::string() : taken->substr(0, 100), "\" and to \"", token.content.substr(0, 100),
              "\"");
      parts.added.add(token.content, token.id, where);
    }
    if (token.special) special.insert(token.content);
    tokens.push_back(std::move(token));
  }
  parts.size_flags();
  for (AddedToken& token : tokens) {
    const std::int32_t id = token.id;
    parts.find_in_text(std::move(token), where);
    // The reference compares the text that it decodes, which normalisation may have changed.
    parts.skipped[static_cast<std::size_t>(id)] = special.contains(parts.decoded(id));
  }
  parts.raw_tokens.build();
  parts.normalized_tokens.build();
}

// A token named by tokenizer_config.json: "text" or {"content": "text", ...}.
std::optional<std::int32_t> named_token(const Json& config, std::string_view key, const TokenizerParts& parts,
                                        std::string_view where) {
  const Json& value = part_of(config, key);
  if (value.is_null()) return std::nullopt;
  const std::string here = text(where, " ", key);
  return parts.id_of(value.is_object() ? string_field(value, "content", here) : value.as_string(here));
}

void read_config(const Json& config, TokenizerParts& parts, std::string_view where) {
  parts.bos = named_token(config, "bos_token", parts, where);
  parts.eos = named_token(config, "eos_token", parts, where);
  parts.pad = named_token(config, "pad_token", parts, where);
  if (const auto unk = named_token(config, "unk_token", parts, where)) parts.unk = unk;
  if (parts.post_processor.has_template()) return;
  std::vector<std::int64_t> before, after;
  if (bool_field(config, "add_bos_token", false, where) && parts.bos.has_value()) before.push_back(*parts.bos);
  if (bool_field(config, "add_eos_token", false, where) && parts.eos.has_value()) after.push_back(*parts.eos);
  if (!before.empty() || !after.empty()) parts.post_processor.set(std::move(before), std::move(after));
}

}  // namespace

Tokenizer Tokenizer::from_json(const Json& json, const Json* config, std::string_view where) {
  const std::string version = string_field(json, "version", "1.0", where);
  require(version == "1.0", ErrorKind::kUnsupported, where, ": version \"", version, "\" is not supported");
  auto parts = std::make_shared<TokenizerParts>();
  parts->normalizer = Normalizer::from_json(part_of(json, "normalizer"), where);
  parts->pre_tokenizer = PreTokenizer::from_json(part_of(json, "pre_tokenizer"), where);
  parts->post_processor = PostProcessor::from_json(part_of(json, "post_processor"), where);
  parts->decoder = Decoder::from_json(part_of(json, "decoder"), where);
  read_model(json.at("model", where), *parts, text(where, ": model"));
  parts->size_flags();
  read_added_tokens(part_of(json, "added_tokens"), *parts, text(where, ": added_tokens"));
  if (config != nullptr) read_config(*config, *parts, text(where, ": tokenizer_config"));
  parts->check(where);
  return Tokenizer(std::move(parts));
}

}  // namespace ttt
