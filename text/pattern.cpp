#include "text/pattern.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/utf8.h"
#include "text/known_regexes.h"
#include "text/unicode.h"

namespace ttt {
namespace {

constexpr std::size_t kAnyLength = std::numeric_limits<std::size_t>::max();

// One text with the classes of its characters at hand.
class Scanner {
 public:
  explicit Scanner(std::string_view s) : s_(s), unicode_(Unicode::tables()) {}

  bool at_end(std::size_t i) const { return i >= s_.size(); }
  unsigned classes(std::size_t i) const { return at_end(i) ? 0 : unicode_.classes(utf8_decode(s_.data() + i)); }
  bool is(std::size_t i, unsigned any_of) const { return (classes(i) & any_of) != 0; }
  bool is_char(std::size_t i, char c) const { return !at_end(i) && s_[i] == c; }
  bool is_newline(std::size_t i) const { return is_char(i, '\r') || is_char(i, '\n'); }
  std::size_t next(std::size_t i) const { return i + utf8_step(s_[i]); }

  std::size_t run(std::size_t i, unsigned any_of, std::size_t longest = kAnyLength) const {
    for (; longest > 0 && is(i, any_of); --longest) i = next(i);
    return i;
  }
  std::size_t run_without(std::size_t i, unsigned none_of) const {
    while (!at_end(i) && !is(i, none_of)) i = next(i);
    return i;
  }
  std::size_t newlines(std::size_t i, bool slash) const {
    while (is_newline(i) || (slash && is_char(i, '/'))) ++i;
    return i;
  }

  // '(s|t|m|d|re|ve|ll), after which i + 2 or i + 3; else i. Ignoring case, the long s (U+017F) is an s.
  std::size_t contraction(std::size_t i, bool ignore_case) const {
    if (!is_char(i, '\'') || at_end(i + 1)) return i;
    const auto lower = [&](std::size_t k) {
      const char c = at_end(k) ? '\0' : s_[k];
      return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    };
    const char a = lower(i + 1);
    const char b = lower(i + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return i + 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return i + 3;
    return ignore_case && s_.substr(i + 1, 2) == "\xC5\xBF" ? i + 3 : i;
  }

  // \s+(?!\S)|\s+ : white space up to the last one before other text.
  std::size_t spaces(std::size_t i) const {
    std::size_t last = i;
    std::size_t end = i;
    while (is(end, kSpace)) {
      last = end;
      end = next(end);
    }
    return at_end(end) || last == i ? end : last;
  }

  // \s*[\r\n]+|\s+(?!\S)|\s+
  std::size_t lines_or_spaces(std::size_t i) const {
    std::size_t after_newline = i;
    for (std::size_t k = i; is(k, kSpace); k = next(k)) {
      if (is_newline(k)) after_newline = k + 1;
    }
    return after_newline != i ? after_newline : spaces(i);
  }

 private:
  std::string_view s_;
  const Unicode& unicode_;
};

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
std::size_t gpt2_end(const Scanner& t, std::size_t i) {
  if (const std::size_t end = t.contraction(i, false); end != i) return end;
  const std::size_t start = t.is_char(i, ' ') ? i + 1 : i;
  if (t.is(start, kLetter)) return t.run(start, kLetter);
  if (t.is(start, kNumber)) return t.run(start, kNumber);
  const std::size_t end = t.run_without(start, kSpace | kLetter | kNumber);
  return end != start ? end : t.spaces(i);
}

// 's|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+
std::optional<Pattern::Match> find_clip(const Scanner& t, std::size_t i) {
  i = t.run(i, kSpace);
  if (t.at_end(i)) return std::nullopt;
  if (const std::size_t end = t.contraction(i, false); end != i) return Pattern::Match{i, end};
  if (t.is(i, kLetter)) return Pattern::Match{i, t.run(i, kLetter)};
  if (t.is(i, kNumber)) return Pattern::Match{i, t.next(i)};
  return Pattern::Match{i, t.run_without(i, kSpace | kLetter | kNumber)};
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?LETTERS+|\p{N}{1,DIGITS}| ?[^\s\p{N}LETTERS]+[\r\n]*
// |\s*[\r\n]+|\s+(?!\S)|\s+
std::size_t cl100k_end(const Scanner& t, std::size_t i, unsigned letters, std::size_t digits) {
  if (const std::size_t end = t.contraction(i, true); end != i) return end;
  const bool may_lead = !t.is_newline(i) && !t.is(i, kLetter | kNumber);
  if (may_lead && t.is(t.next(i), letters)) return t.run(t.next(i), letters);
  if (t.is(i, letters)) return t.run(i, letters);
  if (t.is(i, kNumber)) return t.run(i, kNumber, digits);
  const std::size_t start = t.is_char(i, ' ') ? i + 1 : i;
  const std::size_t end = t.run_without(start, kSpace | kNumber | letters);
  return end != start ? t.newlines(end, false) : t.lines_or_spaces(i);
}

// The two word alternatives of o200k from i on, without the optional first character; i when they fail.
//   first:  UPPER*LOWER+    second: UPPER+LOWER*    with UPPER and LOWER sharing letters without case and marks
std::size_t o200k_word(const Scanner& t, std::size_t i, bool first) {
  std::size_t after_shared = i;  // past the last shared character of the UPPER run: where giving back would end
  std::size_t end = i;
  while (t.is(end, kNotLower)) {
    const bool shared = t.is(end, kNotUpper);
    end = t.next(end);
    if (shared) after_shared = end;
  }
  if (t.is(end, kNotUpper)) return t.run(end, kNotUpper);
  return first ? after_shared : end;
}

std::size_t o200k_end(const Scanner& t, std::size_t i) {
  const bool may_lead = !t.is_newline(i) && !t.is(i, kLetter | kNumber);
  for (const bool first : {true, false}) {
    if (may_lead) {
      const std::size_t start = t.next(i);
      if (const std::size_t end = o200k_word(t, start, first); end != start) return t.contraction(end, true);
    }
    if (const std::size_t end = o200k_word(t, i, first); end != i) return t.contraction(end, true);
  }
  if (t.is(i, kNumber)) return t.run(i, kNumber, 3);
  const std::size_t start = t.is_char(i, ' ') ? i + 1 : i;
  const std::size_t end = t.run_without(start, kSpace | kLetter | kNumber);
  return end != start ? t.newlines(end, true) : t.lines_or_spaces(i);
}

std::optional<Pattern::Match> find_words_or_symbols(const Scanner& t, std::size_t i) {
  while (!t.at_end(i) && !t.is(i, kWord) && t.is(i, kStripSpace)) i = t.next(i);
  if (t.at_end(i)) return std::nullopt;
  return Pattern::Match{i, t.is(i, kWord) ? t.run(i, kWord) : t.run_without(i, kWord | kStripSpace)};
}

std::optional<Pattern::Match> find_words_or_punctuation(const Scanner& t, std::size_t i) {
  i = t.run(i, kStripSpace);
  if (t.at_end(i)) return std::nullopt;
  return Pattern::Match{i, t.is(i, kPunctuation) ? t.next(i) : t.run_without(i, kStripSpace | kPunctuation)};
}

std::optional<Pattern::Match> find_punctuation(const Scanner& t, std::string_view s, std::size_t i) {
  const auto wanted = [&](std::size_t k) {
    return !t.at_end(k) && (t.is(k, kPunctuationMark) || std::string_view("$+<=>^~|").find(s[k]) != std::string::npos);
  };
  while (!t.at_end(i) && !wanted(i)) i = t.next(i);
  if (t.at_end(i)) return std::nullopt;
  std::size_t end = i;
  while (wanted(end)) end = t.next(end);
  return Pattern::Match{i, end};
}

std::optional<Pattern::Match> find_digit_triple(std::string_view s, std::size_t i) {
  std::size_t run = 0;
  for (; i < s.size(); ++i) {
    run = s[i] >= '0' && s[i] <= '9' ? run + 1 : 0;
    if (run == 3) return Pattern::Match{i - 2, i + 1};
  }
  return std::nullopt;
}

}  // namespace

Pattern Pattern::gpt2() { return Pattern(Kind::kGpt2); }
Pattern Pattern::llama3() { return Pattern(Kind::kLlama3); }
Pattern Pattern::qwen2() { return Pattern(Kind::kQwen2); }
Pattern Pattern::o200k() { return Pattern(Kind::kO200k); }
Pattern Pattern::words_or_symbols() { return Pattern(Kind::kWordsOrSymbols); }
Pattern Pattern::words_or_punctuation() { return Pattern(Kind::kWordsOrPunctuation); }
Pattern Pattern::punctuation_or_ascii_math() { return Pattern(Kind::kPunctuationOrMath); }

Pattern Pattern::ascii_digit_triples() { return Pattern(Kind::kDigitTriples); }

Pattern Pattern::literal(std::string_view text) {
  Pattern p(Kind::kLiteral);
  p.literal_ = text;
  return p;
}

Pattern Pattern::run_of(unsigned classes, std::size_t longest) {
  Pattern p(Kind::kRun);
  p.classes_ = classes;
  p.longest_ = longest;
  return p;
}

Pattern Pattern::digit_triples_from_right(CharSet digits, bool lead) {
  Pattern p(Kind::kTriplesFromRight);
  p.digits_ = std::make_shared<const CharSet>(std::move(digits));
  p.lead_ = lead;
  return p;
}

Pattern Pattern::for_regex(std::string_view regex, std::string_view where) {
  if (regex == regexes::kGpt2 || regex == regexes::kGpt2Short) return gpt2();
  if (regex == regexes::kLlama3) return llama3();
  if (regex == regexes::kQwen2) return qwen2();
  if (regex == regexes::kQwen3_5) return Pattern(Kind::kQwen3_5);
  if (regex == regexes::kO200k) return o200k();
  if (regex == regexes::kClip) return Pattern(Kind::kClip);
  if (regex == regexes::kPunctuationOrMath) return punctuation_or_ascii_math();
  if (regex == regexes::kAsciiDigitTriples) return ascii_digit_triples();
  if (regex == regexes::kManySpaces) return Pattern(Kind::kManySpaces);
  if (regex == regexes::kSpacesAtEnds) return Pattern(Kind::kSpacesAtEnds);
  if (regex == regexes::kMarkAtStart) {
    Pattern p(Kind::kLiteralAtStart);
    p.literal_ = regex.substr(2);
    return p;
  }
  if (regex == regexes::kTriplesFromRight) return digit_triples_from_right(CharSet::property("Nd"), false);
  if (regex == R"(\w+|[^\w\s]+)") return words_or_symbols();
  if (regex == R"(\p{N})") return run_of(kNumber, 1);
  if (regex == R"(\p{N}{1,3})") return run_of(kNumber, 3);
  if (regex == R"(\p{N}+)") return run_of(kNumber, kAnyLength);
  if (regex == R"(\s)") return run_of(kSpace, 1);
  if (regex == R"(\s+)") return run_of(kSpace, kAnyLength);
  Pattern p(Kind::kRegex);
  p.regex_ = std::make_shared<const Regex>(Regex::parse(regex, where));
  return p;
}

PatternSearch::PatternSearch(const Pattern& pattern, std::string_view s) : pattern_(pattern), s_(s) {
  if (pattern.kind_ == Pattern::Kind::kRegex) regex_.emplace(*pattern.regex_, s);
}

std::optional<Pattern::Match> PatternSearch::find(std::size_t from) {
  if (pattern_.kind_ == Pattern::Kind::kTriplesFromRight) return find_triple(from);
  if (!regex_) return pattern_.find(s_, from);
  const auto found = regex_->find(from);
  if (!found) return std::nullopt;
  return Pattern::Match{found->begin, found->end};
}

std::optional<Pattern::Match> PatternSearch::find_triple(std::size_t from) {
  const auto digit = [&](std::size_t i) { return i < s_.size() && pattern_.digits_->has(utf8_decode(s_.data() + i)); };
  const auto skip = [&](std::size_t& i, std::size_t count) {
    for (; count > 0; --count) i += utf8_step(s_[i]);
  };
  for (std::size_t begin = from; begin < s_.size();) {
    if (!digit(begin)) {
      skip(begin, 1);
      continue;
    }
    // Counted once for each run of digits.
    if (begin >= run_end_) {
      for (run_end_ = begin, run_left_ = 0; digit(run_end_); ++run_left_) skip(run_end_, 1);
    }
    const std::size_t lead = run_left_ % 3, count = lead != 0 ? lead : 3;
    std::size_t end = begin;
    skip(end, count);
    run_left_ -= count;
    if (lead == 0 || pattern_.lead_) return Pattern::Match{begin, end};
    begin = end;
  }
  return std::nullopt;
}

std::optional<Pattern::Match> Pattern::find(std::string_view s, std::size_t from) const {
  if (from >= s.size()) return std::nullopt;
  const Scanner t(s);
  switch (kind_) {
    case Kind::kGpt2:
      return Match{from, gpt2_end(t, from)};
    case Kind::kLlama3:
      return Match{from, cl100k_end(t, from, kLetter, 3)};
    case Kind::kQwen2:
      return Match{from, cl100k_end(t, from, kLetter, 1)};
    case Kind::kQwen3_5:
      return Match{from, cl100k_end(t, from, kLetter | kMark, 1)};
    case Kind::kO200k:
      return Match{from, o200k_end(t, from)};
    case Kind::kClip:
      return find_clip(t, from);
    case Kind::kWordsOrSymbols:
      return find_words_or_symbols(t, from);
    case Kind::kWordsOrPunctuation:
      return find_words_or_punctuation(t, from);
    case Kind::kPunctuationOrMath:
      return find_punctuation(t, s, from);
    case Kind::kDigitTriples:
      return find_digit_triple(s, from);
    case Kind::kManySpaces: {
      const std::size_t begin = s.find("  ", from);
      if (begin == std::string_view::npos) return std::nullopt;
      return Match{begin, std::min(s.find_first_not_of(' ', begin), s.size())};
    }
    case Kind::kSpacesAtEnds: {
      if (from == 0 && s[0] == ' ') return Match{0, std::min(s.find_first_not_of(' '), s.size())};
      const std::size_t begin = std::max(from, s.find_last_not_of(' ') + 1);  // npos + 1 is 0
      if (begin == s.size()) return std::nullopt;
      return Match{begin, s.size()};
    }
    case Kind::kLiteralAtStart:
      if (from > 0 || !s.starts_with(literal_)) return std::nullopt;
      return Match{0, literal_.size()};
    case Kind::kLiteral: {
      const std::size_t at = s.find(literal_, from);
      if (at == std::string_view::npos) return std::nullopt;
      return Match{at, at + literal_.size()};
    }
    case Kind::kRun: {
      const std::size_t begin = t.run_without(from, classes_);
      if (t.at_end(begin)) return std::nullopt;
      return Match{begin, t.run(begin, classes_, longest_)};
    }
    case Kind::kTriplesFromRight:
    case Kind::kRegex:
      break;  // PatternSearch has what they need
  }
  return std::nullopt;
}

}  // namespace ttt
