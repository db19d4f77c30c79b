#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "text/gguf_token_kinds.h"
#include "text/gguf_words.h"
#include "text/space_mark.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "text/unigram.h"
#include "text/utf8_filter.h"
#include "text/word_piece.h"

namespace ttt {
namespace {

void add_tokens(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  const auto same = [&](std::size_t n, std::string_view name) {
    require(n == 0 || n == v.tokens.size(), ErrorKind::kBadData, where, ": ", name, " wanted ", v.tokens.size(),
            " values, one for each token, got ", n);
  };
  require(!v.tokens.empty(), ErrorKind::kBadData, where, ": there are no tokens");
  same(v.types.size(), "token_type");
  same(v.scores.size(), "scores");
  parts.vocabulary.reserve(v.tokens.size());
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    require(is_valid_utf8(v.tokens[id]), ErrorKind::kBadData, where, ": token ", id, " is no valid UTF-8");
    parts.vocabulary.add(v.tokens[id], static_cast<std::int64_t>(id), where);
  }
  parts.size_flags();
  GgufTokenKinds kinds = gguf_token_kinds(v);
  parts.ends = std::move(kinds.ends);
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const GgufTokenType type = kinds.types[id];
    require(type != GgufTokenType::kByte || byte_of_fallback_token(v.tokens[id]).has_value(), ErrorKind::kBadData,
            where, ": token ", id, " \"", v.tokens[id].substr(0, 100), "\" names no byte");
    if (type != GgufTokenType::kControl && type != GgufTokenType::kUserDefined && type != GgufTokenType::kUnknown)
      continue;
    parts.verbatim[id] = true;
    if (v.tokens[id].empty()) continue;
    AddedToken token;
    token.content = v.tokens[id];
    token.id = static_cast<std::int32_t>(id);
    token.special = type != GgufTokenType::kUserDefined;
    parts.skipped[id] = token.special;
    parts.find_in_text(std::move(token), where);
  }
  parts.raw_tokens.build();
}

// An id that is no token is ignored, as llama.cpp does: converters write -1 where there is none.
std::optional<std::int32_t> known_id(std::optional<std::int64_t> id, TokenizerParts& parts, std::string_view name,
                                     std::string_view where) {
  if (!id.has_value()) return std::nullopt;
  if (parts.text_of(*id) != nullptr) return static_cast<std::int32_t>(*id);
  parts.notes.push_back(text(where, ": ", name, " ", *id, " is no token and is ignored; the vocabulary has ids up to ",
                             parts.size() - 1));
  return std::nullopt;
}

std::vector<BpeModel::Pair> split_merges(const std::vector<std::string>& lines, std::string_view where) {
  std::vector<BpeModel::Pair> merges;
  merges.reserve(lines.size());
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ', 1);
    require(space != std::string::npos, ErrorKind::kBadData, where, ": merge ", merges.size(),
            " wanted two parts with a space between, got \"", line.substr(0, 100), "\"");
    merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return merges;
}

// Returns whether the file's kind of vocabulary starts with bos by default.
bool make_byte_level(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  GgufWords words = gguf_words(v.pre, where);
  parts.pre_tokenizer = std::move(words.pre_tokenizer);
  BpeModel::Options options;
  options.byte_level = true;
  options.ignore_merges = words.ignore_merges;
  options.unknown_parts = true;  // as llama.cpp, unlike the Hugging Face library
  parts.model = std::make_unique<BpeModel>(parts.vocabulary, split_merges(v.merges, where), options, where);
  parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kByteLevel});
  return words.add_bos;
}

void check_scores(const GgufVocabulary& v, std::string_view where) {
  require(!v.scores.empty(), ErrorKind::kBadData, where, ": a tokenizer of model \"", v.model,
          "\" wanted scores, got none");
  const auto nan = std::find_if(v.scores.begin(), v.scores.end(), [](float score) { return score != score; });
  require(nan == v.scores.end(), ErrorKind::kBadData, where, ": the score of token ", nan - v.scores.begin(),
          " is not a number");
}

void make_scored(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  check_scores(v, where);
  parts.model = std::make_unique<ScoredBpeModel>(parts.vocabulary, v.scores, parts.unk);
  const bool prefix = v.add_space_prefix.value_or(true);
  if (prefix) parts.normalizer.add(Normalizer::Prepend{std::string(kSpaceMark)});
  parts.normalizer.add(Normalizer::Replace{" ", std::string(kSpaceMark)});
  parts.space_mark = kSpaceMark;
  parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kRawByteFallback});
  if (prefix)
    parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kStrip, .pattern = " ", .start = 1, .fused = true});
}

// A token that starts a word has a mark of a space in front in these files, and one that goes on nothing; the text that
// decode starts from is as BERT spells it.
void make_word_piece(const GgufVocabulary& v, TokenizerParts& parts) {
  BertText bert{.lowercase = v.lowercase.value_or(true)};
  bert.strip_accents = v.strip_accents.value_or(bert.lowercase);
  parts.normalizer.add(bert);
  parts.pre_tokenizer.add(PreTokenizer::Split{
      .pattern = Pattern::words_or_punctuation(), .behavior = SplitBehavior::kRemoved, .invert = true});
  parts.model = std::make_unique<WordPieceModel>(
      parts.vocabulary, WordPieceModel::Options{.prefix = "", .mark = std::string(kSpaceMark), .unknown = parts.unk});
  constexpr std::string_view kPrefix = "##";
  for (const Vocabulary::Token& token : parts.vocabulary.tokens()) {
    if (flag(parts.verbatim, token.id)) continue;
    const bool starts = token.text.starts_with(kSpaceMark);
    parts.decoded_as[token.id] = starts ? token.text.substr(kSpaceMark.size()) : text(kPrefix, token.text);
  }
  parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kWordPiece, .pattern = std::string(kPrefix), .cleanup = true});
}

void make_unigram(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  check_scores(v, where);
  std::vector<double> scores(v.scores.begin(), v.scores.end());
  for (std::size_t id = 0; id < v.types.size(); ++id) {
    const auto type = static_cast<GgufTokenType>(v.types[id]);
    if (type == GgufTokenType::kUserDefined) {
      scores[id] = 0;
    } else if (type != GgufTokenType::kNormal && type != GgufTokenType::kUnused) {
      scores[id] = -std::numeric_limits<double>::infinity();
    }
  }
  if (!v.charsmap.empty()) {
    parts.normalizer.add(
        std::make_shared<const Charsmap>(Charsmap::parse(v.charsmap, text(where, ": precompiled_charsmap"))));
  }
  if (v.remove_extra_whitespaces.value_or(false)) {
    parts.normalizer.add(Normalizer::ReplaceMatches{Pattern::for_regex(R"(\A +| +\z)", where), ""});
    parts.normalizer.add(Normalizer::ReplaceMatches{Pattern::for_regex(" {2,}", where), " "});
  }
  const bool prefix = v.add_space_prefix.value_or(false);
  if (prefix) parts.normalizer.add(Normalizer::Prepend{std::string(kSpaceMark)});
  parts.normalizer.add(Normalizer::Replace{" ", std::string(kSpaceMark)});
  parts.model =
      std::make_unique<UnigramModel>(parts.vocabulary, std::move(scores), UnigramModel::Options{.unknown = parts.unk});
  parts.space_mark = kSpaceMark;
  if (prefix)
    parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kStrip, .pattern = " ", .start = 1, .fused = true});
}

// Where the key is missing, and there is such a token.
void default_id(std::optional<std::int64_t>& id, std::int64_t value, const GgufVocabulary& v) {
  if (!id && value < static_cast<std::int64_t>(v.tokens.size())) id = value;
}

// With the special tokens that llama.cpp takes where the file names none.
GgufVocabulary completed(GgufVocabulary v) {
  if (v.model == "bert") {
    default_id(v.bos, 101, v);
    default_id(v.unk, 100, v);
    default_id(v.sep, 102, v);
    default_id(v.pad, 0, v);
  } else if (v.model == "t5") {
    default_id(v.eos, 1, v);
    default_id(v.unk, 2, v);
    default_id(v.pad, 0, v);
  }
  return v;
}

// [CLS] A [SEP] B [SEP], the second text of type 1.
void set_bert_template(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  const auto sep = known_id(v.sep, parts, "seperator_token_id", where);
  require(parts.bos && sep, ErrorKind::kBadData, where, ": a tokenizer of model \"bert\" wanted ",
          parts.bos ? "seperator_token_id" : "bos_token_id", ", got none that is a token");
  PostProcessor::Template single = {{.ids = {*parts.bos}}, {.sequence = 0}, {.ids = {*sep}}};
  PostProcessor::Template pair = single;
  pair.push_back({.sequence = 1, .type = 1});
  pair.push_back({.ids = {*sep}, .type = 1});
  parts.post_processor.set(std::move(single), std::move(pair));
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& vocabulary, std::string_view where) {
  auto parts = std::make_shared<TokenizerParts>();
  const GgufVocabulary v = completed(vocabulary);
  const bool scored = v.model == "llama", bert = v.model == "bert", t5 = v.model == "t5";
  require(scored || bert || t5 || v.model == "gpt2", ErrorKind::kUnsupported, where, ": tokenizer.ggml.model \"",
          v.model, "\" is not supported");
  add_tokens(v, *parts, where);
  parts->bos = known_id(v.bos, *parts, "bos_token_id", where);
  parts->eos = known_id(v.eos, *parts, "eos_token_id", where);
  parts->eot = known_id(v.eot, *parts, "eot_token_id", where);
  parts->unk = known_id(v.unk, *parts, "unknown_token_id", where);
  parts->pad = known_id(v.pad, *parts, "padding_token_id", where);
  bool add_bos = scored;
  if (scored) {
    make_scored(v, *parts, where);
  } else if (bert) {
    make_word_piece(v, *parts);
    set_bert_template(v, *parts, where);
    return Tokenizer(std::move(parts));
  } else if (t5) {
    make_unigram(v, *parts, where);
  } else {
    add_bos = make_byte_level(v, *parts, where);
  }
  // What the text would silently lack.
  require(!v.add_bos.value_or(false) || !v.bos || parts->bos, ErrorKind::kBadData, where,
          ": add_bos_token is true but bos_token_id ", v.bos.value_or(0), " is no token");
  require(!v.add_eos.value_or(false) || !v.eos || parts->eos, ErrorKind::kBadData, where,
          ": add_eos_token is true but eos_token_id ", v.eos.value_or(0), " is no token");
  PostProcessor::Template around = {{.sequence = 0}};
  if (v.add_bos.value_or(add_bos) && parts->bos.has_value()) around.insert(around.begin(), {.ids = {*parts->bos}});
  if (v.add_eos.value_or(t5) && parts->eos.has_value()) around.push_back({.ids = {*parts->eos}});
  PostProcessor::Template pair = around;
  for (PostProcessor::Piece piece : around) {
    if (piece.sequence == 0) piece.sequence = 1;
    pair.push_back(std::move(piece));
  }
  parts->post_processor.set(std::move(around), std::move(pair));
  return Tokenizer(std::move(parts));
}

}  // namespace ttt
