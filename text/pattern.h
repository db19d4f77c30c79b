#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "text/char_set.h"
#include "text/regex.h"

namespace ttt {

// A pattern by which tokenizers split text. The usual ones are hand-written scanners, which are several times as fast
// as their regular expressions, and linear in the text.
class Pattern {
 public:
  struct Match {
    std::size_t begin;
    std::size_t end;
  };

  // The scanner for a regular expression where there is one, else the expression itself. Throws Error{kUnsupported}
  // quoting an expression that Regex does not know.
  static Pattern for_regex(std::string_view regex, std::string_view where);
  static Pattern literal(std::string_view text);  // must not be empty
  // Runs of at most `longest` characters that have any of the class bits (text/unicode.h).
  static Pattern run_of(unsigned classes, std::size_t longest);
  static Pattern gpt2();
  static Pattern llama3();
  static Pattern qwen2();
  static Pattern o200k();
  static Pattern words_or_symbols();           // \w+|[^\w\s]+
  static Pattern words_or_punctuation();       // one punctuation mark, or a run without them and white space
  static Pattern punctuation_or_ascii_math();  // [\p{P}\$\+<=>\^~\|]+
  static Pattern ascii_digit_triples();        // [0-9][0-9][0-9]

  // Groups of three characters of a set, counted from the end of each run of them. `lead`: the one or two that are
  // left over at its start are a match too, else they are not.
  static Pattern digit_triples_from_right(CharSet digits, bool lead);

 private:
  friend class PatternSearch;
  std::optional<Match> find(std::string_view s, std::size_t from) const;

  enum class Kind {
    kGpt2,
    kLlama3,
    kQwen2,
    kQwen3_5,
    kO200k,
    kClip,
    kWordsOrSymbols,
    kWordsOrPunctuation,
    kPunctuationOrMath,
    kDigitTriples,
    kManySpaces,
    kSpacesAtEnds,
    kLiteralAtStart,
    kLiteral,
    kRun,
    kTriplesFromRight,
    kRegex
  };
  explicit Pattern(Kind kind) : kind_(kind) {}

  Kind kind_;
  std::string literal_;
  unsigned classes_ = 0;
  std::size_t longest_ = 0;
  std::shared_ptr<const CharSet> digits_;
  bool lead_ = false;
  std::shared_ptr<const Regex> regex_;
};

// Finds the matches of one pattern in one text, valid UTF-8. Both must outlive the search.
class PatternSearch {
 public:
  PatternSearch(const Pattern& pattern, std::string_view s);
  // The first match at or after `from`; call with growing `from`. Only a regular expression has empty matches.
  std::optional<Pattern::Match> find(std::size_t from);

 private:
  std::optional<Pattern::Match> find_triple(std::size_t from);

  const Pattern& pattern_;
  std::string_view s_;
  std::optional<RegexSearch> regex_;
  std::size_t run_end_ = 0, run_left_ = 0;  // of the digits at hand
};

}  // namespace ttt
