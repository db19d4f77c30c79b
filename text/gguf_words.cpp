#include "text/gguf_words.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/error.h"
#include "text/known_regexes.h"

namespace ttt {
namespace {

// Expressions of the tokenizers that the names stand for. llama.cpp's list of them (src/llama-vocab.cpp) adapts some to
// what its engine can hold, without case and marks beyond ASCII; here they are as in the tokenizer.json of the models.
constexpr std::string_view kDigitRegex = R"(\p{N})", kDigitTriples = R"(\p{N}{1,3})", kDigitsRegex = R"(\p{N}+)",
                           kLineEnd = R"([\r\n])", kLines = R"([^\n]+|[\n]+)";
constexpr std::string_view kPunctuationMathOrTick = R"([\p{P}\$\+<=>\^~\|`]+)";
constexpr std::string_view kEastAsian = R"([一-龥ࠀ-一가-퟿]+)", kHanAndKana = R"([一-龥぀-ゟ゠-ヿ]+)";
constexpr std::string_view kCasedLetters =
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝ)"
    R"(Ὗ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ)"
    R"(𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)";
constexpr std::string_view kPunctuationWithSpace = R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)";
constexpr std::string_view kAsciiPunctuatedWords =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kAsciiPunctuatedWordsOneLine =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|)"
    R"(\s+(?!\S)|\s+)";
constexpr std::string_view kEastAsianScripts =
    R"([一-鿿㐀-䶿豈-﫿぀-ゟ゠-ヿ･-ﾟ⼀-⿟เ-๿຀-໿ក-៿က-႟ꩠ-ꩿꧠ-꧿가-힯ᄀ-ᇿ]+)";
constexpr std::string_view kScriptsApart =
    R"([가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+)";
constexpr std::string_view kCasedWords =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kCasedWordsAndDigits =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kHanApart =
    R"([\p{Han}]+|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSentences = R"( ?[^(\s|.,!?…。，、।۔،)]+)";
constexpr std::string_view kSpacesByPowers =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|)"
    R"(\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|)"
    R"(\s{1,2}(?!\S)|\s{1})";
constexpr std::string_view kOneLineEnd =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kSymbolsWithoutLineEnd =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSpacedLetters =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|)"
    R"(\s*[\r\n]|\s+(?!\S)|\s+)";
constexpr std::string_view kNoContractions =
    R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kWholeNumbers =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTriplesBeforeAnEdge = R"(\d{1,3}(?=(?:\d{3})*\b))";
// No expression: runs of \p{N} in threes from the right, with what is left over at their start.
constexpr std::string_view kTriplesWithLead = "triples from the right";

struct Entry {
  std::string_view names;  // between spaces
  std::array<std::string_view, 6> expressions;
  bool ignore_merges = false, add_bos = false;
};

constexpr Entry kEntries[] = {
    {" default ", {regexes::kPunctuationOrMath, regexes::kGpt2, kDigitsRegex, regexes::kAsciiDigitTriples}},
    {" falcon ", {kPunctuationMathOrTick, regexes::kGpt2, regexes::kAsciiDigitTriples}},
    {" gpt-2 phi-2 jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code gigachat roberta-bpe mpt olmo jais "
     "a.x-4.0 mellum modern-bert trillion exaone4 granite-docling ",
     {regexes::kGpt2}},
    {" smollm starcoder refact command-r codeshell exaone minerva-7b mellum2 ", {kDigitRegex, regexes::kGpt2}},
    {" llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano ",
     {regexes::kLlama3},
     true,
     true},
    {" dbrx smaug-bpe glm4 chatglm-bpe ", {regexes::kLlama3}},
    {" jais-2 ", {kSpacesByPowers}},
    {" qwen2 stablelm2 hunyuan deepseek-r1-qwen megrez kormo f2llmv2 solar-open grok-2 ", {regexes::kQwen2}},
    {" qwen35 ", {regexes::kQwen3_5}},
    {" gpt-4o llama4 kanana2 talkie minimax-m2 ", {regexes::kO200k}},
    {" granite-embed-multi-97m ", {regexes::kO200k}, true},
    {" tiny_aya cohere2moe ", {kTriplesBeforeAnEdge, regexes::kO200k}},
    {" tekken ", {kCasedWords}, true, true},
    {" deepseek-llm ", {kLineEnd, kCasedLetters, kPunctuationWithSpace, R"(\s+$)", kEastAsian, kDigitsRegex}},
    {" deepseek-coder ", {kLineEnd, R"(\s?\p{L}+)", R"(\s?\p{P}+)", kEastAsian, kDigitRegex}},
    {" deepseek-v3 hunyuan-dense joyai-llm hy_v4 ", {kDigitTriples, kHanAndKana, kAsciiPunctuatedWords}},
    {" spark2_5 ", {kDigitTriples, kHanAndKana, kAsciiPunctuatedWordsOneLine, kDigitRegex}},
    {" youtu ", {kScriptsApart, kCasedWordsAndDigits}, true},
    {" afmoe ", {kTriplesWithLead, kEastAsianScripts, kAsciiPunctuatedWords}},
    {" bloom poro-chat gpt3-finnish ", {kSentences}},
    {" viking ", {kSentences, kDigitRegex}},
    {" chameleon ",
     {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", R"(([\t\n]|    |  ))", kDigitRegex,
      R"([\p{P}!-/:-@\[-`{-~])", regexes::kGpt2},
     false,
     true},
    {" superbpe ", {kDigitsRegex, regexes::kTriplesFromRight}},
    {" bailingmoe bailingmoe2 llada-moe ", {kOneLineEnd}},
    {" seed-coder ", {kSymbolsWithoutLineEnd}},
    {" exaone-moe ", {kSpacedLetters}},
    {" kimi-k2 ", {kHanApart}},
    {" laguna ", {kLines, regexes::kQwen2}},
    {" minicpm5 ", {kDigitTriples, kWholeNumbers}, true},
    {" ufakzeka ", {kNoContractions}},
};

Pattern pattern_of(std::string_view expression, std::string_view where) {
  if (expression == kTriplesWithLead) return Pattern::digit_triples_from_right(CharSet::property("N"), true);
  return Pattern::for_regex(expression, where);
}

}  // namespace

GgufWords gguf_words(std::string_view pre, std::string_view where) {
  const std::string name = text(" ", pre.empty() ? "default" : pre, " ");
  const auto* entry = std::ranges::find_if(kEntries, [&](const Entry& e) {
    return name.find(' ', 1) == name.size() - 1 && e.names.find(name) != std::string_view::npos;
  });
  require(entry != std::end(kEntries), ErrorKind::kUnsupported, where, ": tokenizer.ggml.pre \"", pre,
          "\" is not supported");
  GgufWords words{.ignore_merges = entry->ignore_merges, .add_bos = entry->add_bos};
  for (const std::string_view expression : entry->expressions) {
    if (!expression.empty()) words.pre_tokenizer.add(PreTokenizer::Split{.pattern = pattern_of(expression, where)});
  }
  words.pre_tokenizer.set_byte_level();
  return words;
}

std::vector<std::string> gguf_word_names() {
  std::vector<std::string> names;
  for (const Entry& entry : kEntries) {
    for (std::size_t at = 1; at < entry.names.size();) {
      const std::size_t end = entry.names.find(' ', at);
      names.emplace_back(entry.names.substr(at, end - at));
      at = end + 1;
    }
  }
  return names;
}

}  // namespace ttt
