#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/gguf_token_kinds.h"
#include "text/gguf_words.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "text/utf8_filter.h"

namespace ttt {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

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

void make_scored(const GgufVocabulary& v, TokenizerParts& parts, std::string_view where) {
  require(!v.scores.empty(), ErrorKind::kBadData, where, ": a tokenizer of model \"llama\" wanted scores, got none");
  const auto nan = std::find_if(v.scores.begin(), v.scores.end(), [](float score) { return score != score; });
  require(nan == v.scores.end(), ErrorKind::kBadData, where, ": the score of token ", nan - v.scores.begin(),
          " is not a number");
  parts.model = std::make_unique<ScoredBpeModel>(parts.vocabulary, v.scores, parts.unk);
  const bool prefix = v.add_space_prefix.value_or(true);
  if (prefix) parts.normalizer.add(Normalizer::Prepend{std::string(kSpaceMark)});
  parts.normalizer.add(Normalizer::Replace{" ", std::string(kSpaceMark)});
  parts.space_mark = kSpaceMark;
  parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kRawByteFallback});
  if (prefix)
    parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kStrip, .pattern = " ", .start = 1, .fused = true});
}

}  // namespace

Tokenizer Tokenizer::from_gguf(const GgufVocabulary& v, std::string_view where) {
  auto parts = std::make_shared<TokenizerParts>();
  const bool scored = v.model == "llama";
  require(scored || v.model == "gpt2", ErrorKind::kUnsupported, where, ": tokenizer.ggml.model \"", v.model,
          "\" is not supported");
  add_tokens(v, *parts, where);
  parts->bos = known_id(v.bos, *parts, "bos_token_id", where);
  parts->eos = known_id(v.eos, *parts, "eos_token_id", where);
  parts->eot = known_id(v.eot, *parts, "eot_token_id", where);
  parts->unk = known_id(v.unk, *parts, "unknown_token_id", where);
  parts->pad = known_id(v.pad, *parts, "padding_token_id", where);
  bool add_bos = scored;
  if (scored) {
    make_scored(v, *parts, where);
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
  if (v.add_eos.value_or(false) && parts->eos.has_value()) around.push_back({.ids = {*parts->eos}});
  PostProcessor::Template pair = around;
  for (PostProcessor::Piece piece : around) {
    if (piece.sequence == 0) piece.sequence = 1;
    pair.push_back(std::move(piece));
  }
  parts->post_processor.set(std::move(around), std::move(pair));
  return Tokenizer(std::move(parts));
}

}  // namespace ttt
