#include <algorithm>
#include <set>
#include <utility>

#include "text/json_fields.h"
#include "text/token_files.h"
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

}  // namespace

Tokenizer Tokenizer::from_json(const Json& json, const TokenizerFiles& beside, std::string_view where) {
  const std::string version = string_field(json, "version", "1.0", where);
  require(version == "1.0", ErrorKind::kUnsupported, where, ": version \"", version, "\" is not supported");
  auto parts = std::make_shared<TokenizerParts>();
  parts->normalizer = Normalizer::from_json(part_of(json, "normalizer"), where);
  parts->pre_tokenizer = PreTokenizer::from_json(part_of(json, "pre_tokenizer"), where);
  parts->post_processor = PostProcessor::from_json(part_of(json, "post_processor"), where);
  parts->decoder = Decoder::from_json(part_of(json, "decoder"), where);
  read_model(json.at("model", where), *parts, text(where, ": model"));
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
