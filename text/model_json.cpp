#include "text/model_json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <utility>

#include "text/bpe.h"
#include "text/json_fields.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace ttt {
namespace {

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
  const Json& dropout = part_of(model, "dropout");
  require(dropout.is_null() || dropout.as_number(text(where, " dropout")) == 0, ErrorKind::kUnsupported, where,
          ": dropout ", dropout.dump(), " is not supported");
  read_vocabulary(model, parts.vocabulary, where);
  BpeModel::Options options;
  options.byte_level = parts.pre_tokenizer.byte_level();
  options.byte_fallback = bool_field(model, "byte_fallback", false, where);
  options.fuse_unknown = bool_field(model, "fuse_unk", false, where);
  options.ignore_merges = bool_field(model, "ignore_merges", false, where);
  options.prefix = string_field(model, "continuing_subword_prefix", "", where);
  options.suffix = string_field(model, "end_of_word_suffix", "", where);
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

void read_word_piece(const Json& model, TokenizerParts& parts, std::string_view where) {
  read_vocabulary(model, parts.vocabulary, where);
  WordPieceModel::Options options;
  options.prefix = string_field(model, "continuing_subword_prefix", "##", where);
  if (!part_of(model, "max_input_chars_per_word").is_null()) {
    const std::int64_t longest = integer_field(model, "max_input_chars_per_word", where);
    require(longest >= 0, ErrorKind::kBadData, where, " max_input_chars_per_word wanted no negative number, got ",
            longest);
    options.longest_word = static_cast<std::size_t>(longest);
  }
  parts.unk = options.unknown = parts.vocabulary.find(string_field(model, "unk_token", "[UNK]", where));
  parts.model = std::make_unique<WordPieceModel>(parts.vocabulary, std::move(options));
}

void read_word_level(const Json& model, TokenizerParts& parts, std::string_view where) {
  read_vocabulary(model, parts.vocabulary, where);
  parts.unk = parts.vocabulary.find(string_field(model, "unk_token", "<unk>", where));
  parts.model = std::make_unique<WordLevelModel>(parts.vocabulary, parts.unk);
}

// The reference reads the digits of a number as an integer and scales that, so that a number of more digits than a
// double holds can differ in its last bit; scores of equal sums then decide otherwise.
double as_read(double v) {
  std::array<char, 40> buffer;
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(v), std::chars_format::scientific);
  std::uint64_t digits = 0;
  int exponent = 0;
  bool fraction = false;
  const char* p = buffer.data();
  for (; p != end.ptr && *p != 'e'; ++p) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<std::uint64_t>(*p - '0');
    exponent -= fraction ? 1 : 0;
  }
  if (p == end.ptr) return v;
  int scale = 0;
  std::from_chars(p[1] == '+' ? p + 2 : p + 1, end.ptr, scale);
  exponent += scale;
  constexpr int kExact = 22;  // powers of ten up to this one are doubles
  if (std::abs(exponent) > kExact) return v;
  double power = 1;
  for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
  const double whole = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? whole / power : whole * power, v);
}

// [["<unk>", 0], ["a", -1.5], ...]
void read_unigram(const Json& model, TokenizerParts& parts, bool read_decimals, std::string_view where) {
  const Json& alpha = part_of(model, "alpha");
  require(alpha.is_null() || alpha.as_number(text(where, " alpha")) == 0, ErrorKind::kUnsupported, where, ": alpha ",
          alpha.dump(), " is not supported");
  const std::string here = text(where, " vocab");
  const auto& list = model.at("vocab", where).as_array(here);
  std::vector<double> scores;
  scores.reserve(list.size());
  parts.vocabulary.reserve(list.size());
  for (const Json& item : list) {
    const auto& pair = item.as_array(here);
    require(pair.size() == 2, ErrorKind::kBadData, here, ": entry ", scores.size(), " wanted a token and its score");
    parts.vocabulary.add(pair[0].as_string(here), static_cast<std::int64_t>(scores.size()), here);
    const double score = pair[1].as_number(here);
    scores.push_back(read_decimals ? as_read(score) : score);
  }
  UnigramModel::Options options;
  options.byte_fallback = bool_field(model, "byte_fallback", false, where);
  if (!part_of(model, "unk_id").is_null()) {
    const std::int64_t unknown = integer_field(model, "unk_id", where);
    require(parts.vocabulary.text_of(unknown) != nullptr, ErrorKind::kBadData, where, ": unk_id ", unknown,
            " is not in the vocabulary");
    parts.unk = options.unknown = static_cast<std::int32_t>(unknown);
  }
  if (options.byte_fallback) check_byte_tokens(parts.vocabulary, where);
  parts.model = std::make_unique<UnigramModel>(parts.vocabulary, std::move(scores), options);
}

// Files of old versions do not name the type.
std::string model_type_of(const Json& model, std::string_view where) {
  if (model.find("type") != nullptr) return string_field(model, "type", where);
  if (model.find("merges") != nullptr) return "BPE";
  if (part_of(model, "vocab").is_array()) return "Unigram";
  return model.find("continuing_subword_prefix") != nullptr ? "WordPiece" : "WordLevel";
}

}  // namespace

const Json& part_of(const Json& json, std::string_view key) {
  static const Json null;
  const Json* found = json.find(key);
  return found == nullptr ? null : *found;
}

void read_model(const Json& model, TokenizerParts& parts, bool read_decimals, std::string_view where) {
  const std::string type = model_type_of(model, where);
  if (type != "BPE") parts.pre_tokenizer.spell_bytes();
  if (type == "BPE") {
    read_bpe(model, parts, where);
  } else if (type == "WordPiece") {
    read_word_piece(model, parts, where);
  } else if (type == "WordLevel") {
    read_word_level(model, parts, where);
  } else if (type == "Unigram") {
    read_unigram(model, parts, read_decimals, where);
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": model of type \"", type, "\" is not supported"));
  }
}

}  // namespace ttt
