#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "text/tokenizer.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"
#include "text/utf8_filter.h"

namespace ttt {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

enum TokenType : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

template <std::size_t N>
bool is_one_of(std::string_view name, const std::string_view (&names)[N]) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// What a `pre` name stands for: the list is kept in llama.cpp's source (src/llama-vocab.cpp) and nowhere else.
struct WordCutting {
  PreTokenizer pre_tokenizer;
  bool ignore_merges = false;
  bool add_bos = false;  // unless the file says otherwise
};

WordCutting word_cutting(std::string_view pre, std::string_view where) {
  constexpr std::string_view kGpt2[] = {"gpt-2",      "phi-2",    "jina-es",     "jina-de", "jina-v1-en", "jina-v2-es",
                                        "jina-v2-de", "gigachat", "roberta-bpe", "mpt",     "olmo",       "jais",
                                        "a.x-4.0",    "mellum",   "modern-bert", "trillion"};
  constexpr std::string_view kDigitsGpt2[] = {"smollm",    "starcoder", "refact",    "command-r",
                                              "codeshell", "exaone",    "minerva-7b"};
  constexpr std::string_view kLlama3[] = {"llama-bpe", "llama3",  "llama-v3", "falcon3",
                                          "falcon-h1", "pixtral", "midm-2.0", "lfm2"};
  constexpr std::string_view kLlama3Merging[] = {"dbrx", "smaug-bpe"};
  constexpr std::string_view kQwen2[] = {"qwen2", "stablelm2", "hunyuan", "deepseek-r1-qwen", "megrez"};
  constexpr std::string_view kO200k[] = {"gpt-4o", "llama4"};
  WordCutting result;
  const auto split = [&](const Pattern& pattern) { result.pre_tokenizer.add(PreTokenizer::Split{.pattern = pattern}); };
  if (pre.empty() || pre == "default") {
    split(Pattern::punctuation_or_ascii_math());
    split(Pattern::gpt2());
    split(Pattern::run_of(kNumber, static_cast<std::size_t>(-1)));
    split(Pattern::ascii_digit_triples());
  } else if (is_one_of(pre, kGpt2)) {
    split(Pattern::gpt2());
  } else if (is_one_of(pre, kDigitsGpt2)) {
    split(Pattern::run_of(kNumber, 1));
    split(Pattern::gpt2());
  } else if (is_one_of(pre, kLlama3)) {
    split(Pattern::llama3());
    result.ignore_merges = result.add_bos = true;
  } else if (is_one_of(pre, kLlama3Merging)) {
    split(Pattern::llama3());
  } else if (is_one_of(pre, kQwen2)) {
    split(Pattern::qwen2());
  } else if (is_one_of(pre, kO200k)) {
    split(Pattern::o200k());
  } else {
    fail(ErrorKind::kUnsupported, text(where, ": tokenizer.ggml.pre \"", pre, "\" is not supported"));
  }
  result.pre_tokenizer.set_byte_level();
  return result;
}

// Ends of turns that some converters left as normal tokens; llama.cpp makes control tokens of them.
bool looks_like_control(std::string_view token) {
  constexpr std::string_view kNames[] = {"<|eot_id|>",    "<|im_end|>", "<|end|>",         "<end_of_turn>",
                                         "<|endoftext|>", "<|eom_id|>", "<|end_of_text|>", "<end_of_utterance>"};
  return is_one_of(token, kNames);
}

std::int32_t type_of(const GgufVocabulary& v, std::size_t id) {
  const std::int32_t type = v.types.empty() ? std::int32_t{kNormal} : v.types[id];
  return type != kControl && looks_like_control(v.tokens[id]) ? std::int32_t{kControl} : type;
}

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
  for (std::size_t id = 0; id < v.tokens.size(); ++id) {
    const std::int32_t type = type_of(v, id);
    require(type != kByte || byte_of_fallback_token(v.tokens[id]).has_value(), ErrorKind::kBadData, where, ": token ",
            id, " \"", v.tokens[id].substr(0, 100), "\" names no byte");
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    parts.verbatim[id] = true;
    if (v.tokens[id].empty()) continue;
    AddedToken token;
    token.content = v.tokens[id];
    token.id = static_cast<std::int32_t>(id);
    token.special = type != kUserDefined;
    parts.skipped[id] = token.special;
    parts.find_in_text(std::move(token), where);
  }
  parts.raw_tokens.build();
}

std::optional<std::int32_t> checked_id(std::optional<std::int64_t> id, const TokenizerParts& parts,
                                       std::string_view name, std::string_view where) {
  if (!id.has_value()) return std::nullopt;
  require(parts.text_of(*id) != nullptr, ErrorKind::kBadData, where, ": ", name, " ", *id, " is no token");
  return static_cast<std::int32_t>(*id);
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
  WordCutting cutting = word_cutting(v.pre, where);
  parts.pre_tokenizer = std::move(cutting.pre_tokenizer);
  BpeModel::Options options;
  options.byte_level = true;
  options.ignore_merges = cutting.ignore_merges;
  options.unknown_parts = true;  // as llama.cpp, unlike the Hugging Face library
  parts.model = std::make_unique<BpeModel>(parts.vocabulary, split_merges(v.merges, where), options, where);
  parts.decoder.add(Decoder::Step{.kind = Decoder::Kind::kByteLevel});
  return cutting.add_bos;
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
  parts->bos = checked_id(v.bos, *parts, "bos_token_id", where);
  parts->eos = checked_id(v.eos, *parts, "eos_token_id", where);
  parts->eot = checked_id(v.eot, *parts, "eot_token_id", where);
  parts->unk = checked_id(v.unk, *parts, "unknown_token_id", where);
  parts->pad = checked_id(v.pad, *parts, "padding_token_id", where);
  bool add_bos = scored;
  if (scored) {
    make_scored(v, *parts, where);
  } else {
    add_bos = make_byte_level(v, *parts, where);
  }
  std::vector<std::int64_t> before, after;
  if (v.add_bos.value_or(add_bos) && parts->bos.has_value()) before.push_back(*parts->bos);
  if (v.add_eos.value_or(false) && parts->eos.has_value()) after.push_back(*parts->eos);
  parts->post_processor.set(std::move(before), std::move(after));
  return Tokenizer(std::move(parts));
}

}  // namespace ttt
