#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ttt {

// The patterns that tokenizers split text with, as hand-written scanners: linear time, no regular expression engine.
class Pattern {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  // The scanner for a regular expression, or nothing when its text is not one of those known.
  static std::optional<Pattern> for_regex(std::string_view regex);
  static Pattern literal(std::string_view text);  // must not be empty
  // Runs of at most `longest` characters that have any of the class bits (text/unicode.h).
  static Pattern run_of(unsigned classes, std::size_t longest);
  static Pattern gpt2();
  static Pattern llama3();
  static Pattern qwen2();
  static Pattern o200k();
  static Pattern words_or_symbols();           // \w+|[^\w\s]+
  static Pattern punctuation_or_ascii_math();  // [\p{P}\$\+<=>\^~\|]+
  static Pattern ascii_digit_triples();        // [0-9][0-9][0-9]

  // The first match at or after `from` in valid UTF-8.
  std::optional<Match> find(std::string_view s, std::size_t from) const;

 private:
  enum class Kind {
    kGpt2,
    kLlama3,
    kQwen2,
    kQwen3_5,
    kO200k,
    kWordsOrSymbols,
    kPunctuationOrMath,
    kDigitTriples,
    kLiteral,
    kRun
  };
  explicit Pattern(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::string literal_;
  unsigned classes_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace ttt
