#include "text/grammar/regular_expression.h"

#include <optional>

#include "base/digits.h"
#include "base/error.h"
#include "base/utf8.h"
#include "text/unicode.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;
using Part = GrammarGraph::Part;
using Label = GrammarGraph::Label;

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

CharSet digits() { return CharSet::range('0', '9'); }
CharSet word_characters() {
  CharSet set = digits();
  set.add(CharSet::range('a', 'z'));
  set.add(CharSet::range('A', 'Z'));
  set.add(CharSet::of('_'));
  return set;
}
const CharSet& white_space() {
  static const CharSet set = CharSet::with_classes(kSpace);
  return set;
}
CharSet line_ends() {
  CharSet set = CharSet::of('\n');
  set.add(CharSet::of('\r'));
  set.add(CharSet::range(0x2028, 0x2029));
  return set;
}

// By recursive descent: alternatives, pieces with quantifiers, atoms.
class Reader {
 public:
  Reader(std::string_view expression, const GrammarLimits& limits, std::string_view where)
      : s_(expression), where_(where), result_{GrammarGraph(limits, where)} {}

  Regular read() {
    require(is_valid_utf8(s_), ErrorKind::kBadData, where_, ": the regular expression wanted valid UTF-8");
    require(static_cast<std::int64_t>(s_.size()) <= limits().source_bytes, ErrorKind::kBadData, where_,
            ": the regular expression wanted at most ", limits().source_bytes, " bytes, got ", s_.size());
    while (take("(?i)")) ignore_case_ = true;
    const Part all = alternatives();
    if (!at_end()) refuse("a closing bracket too many");
    result_.begin = all.begin;
    result_.end = all.end;
    return std::move(result_);
  }

 private:
  const GrammarLimits& limits() const { return graph().limits(); }
  GrammarGraph& graph() { return result_.graph; }
  const GrammarGraph& graph() const { return result_.graph; }

  [[noreturn]] void refuse(std::string_view problem, ErrorKind kind = ErrorKind::kBadData) const {
    constexpr std::size_t kShown = 200;
    const std::string shown = s_.size() <= kShown ? text("\"", s_, "\"") : text("of ", s_.size(), " bytes");
    fail(kind, text(where_, ": the regular expression ", shown, ": ", problem, " at byte ", at_));
  }
  [[noreturn]] void unsupported(std::string_view what) const {
    refuse(text(what, " is not supported"), ErrorKind::kUnsupported);
  }

  bool at_end() const { return at_ >= s_.size(); }
  bool starts(std::string_view what) const { return s_.substr(at_, what.size()) == what; }
  bool take(std::string_view what) {
    if (!starts(what)) return false;
    at_ += what.size();
    return true;
  }
  char32_t character() {
    if (at_end()) refuse("a character is missing");
    const char32_t c = utf8_decode(s_.data() + at_);
    at_ += utf8_step(s_[at_]);
    return c;
  }

  Part alternatives() {
    if (++depth_ > limits().depth) refuse(text("more than ", limits().depth, " nested groups"));
    const State low = graph().size(), begin = graph().state(), end = graph().state();
    do {
      const Part one = sequence();
      graph().edge(begin, one.begin);
      graph().edge(one.end, end);
    } while (take("|"));
    --depth_;
    return graph().part_since(low, begin, end);
  }

  Part sequence() {
    const State low = graph().size(), begin = graph().state();
    State end = begin;
    while (!at_end() && !starts("|") && !starts(")")) {
      const Part one = piece();
      graph().edge(end, one.begin);
      end = one.end;
    }
    return graph().part_since(low, begin, end);
  }

  Part piece() {
    bool assertion = false;
    const Part one = atom(assertion);
    std::int64_t least = 0, most = 0;
    const std::size_t before = at_;
    if (!quantifier(least, most)) return one;
    if (assertion) {
      at_ = before;
      unsupported("a quantifier of an assertion");
    }
    if (!take("?") && starts("+")) unsupported("a possessive quantifier");
    if (starts("*") || starts("+") || starts("?")) refuse("a quantifier of a quantifier");
    return graph().repeat(one, least, most);
  }

  bool quantifier(std::int64_t& least, std::int64_t& most) {
    least = 0;
    most = GrammarGraph::kUnlimited;
    if (take("*")) return true;
    if (take("+")) {
      least = 1;
      return true;
    }
    if (take("?")) {
      most = 1;
      return true;
    }
    const std::size_t before = at_;
    if (interval(least, most)) {
      if (most != GrammarGraph::kUnlimited && most < least) refuse("a repetition whose bounds go down");
      return true;
    }
    at_ = before;
    return false;
  }

  // {m}, {m,}, {m,n}, {,n}. Anything else after a brace is itself, as in both dialects.
  bool interval(std::int64_t& least, std::int64_t& most) {
    if (!take("{")) return false;
    const std::optional<std::int64_t> from = number();
    least = from.value_or(0);
    most = least;
    if (take(",")) {
      const std::optional<std::int64_t> to = number();
      if (!from && !to) return false;
      most = to.value_or(GrammarGraph::kUnlimited);
    } else if (!from) {
      return false;
    }
    return take("}");
  }
  std::optional<std::int64_t> number() {
    constexpr std::int64_t kLargest = 1'000'000'000;
    if (at_end() || !is_digit(s_[at_])) return std::nullopt;
    std::int64_t n = 0;
    for (; !at_end() && is_digit(s_[at_]); ++at_) n = std::min(10 * n + (s_[at_] - '0'), kLargest);
    return n;
  }

  Part atom(bool& assertion) {
    if (take("(")) return group();
    const State low = graph().size(), begin = graph().state(), end = graph().state();
    const std::optional<Label> label = take_assertion();
    assertion = label.has_value();
    if (label) {
      graph().assertion(begin, end, *label);
    } else {
      graph().set(begin, end, character_set());
    }
    return graph().part_since(low, begin, end);
  }

  std::optional<Label> take_assertion() {
    if (take("^") || take("\\A")) return Label::kTextBegin;
    if (take("$") || take("\\Z") || take("\\z")) return Label::kTextEnd;
    if (starts("\\b") || starts("\\B")) unsupported("a word boundary");
    return std::nullopt;
  }

  CharSet character_set() {
    if (starts("*") || starts("+") || starts("?")) refuse("a quantifier of nothing");
    std::int64_t least = 0, most = 0;
    if (const std::size_t before = at_; interval(least, most)) {
      at_ = before;
      refuse("a quantifier of nothing");
    } else {
      at_ = before;
    }
    if (take("[")) return character_class();
    if (take(".")) {
      CharSet set = line_ends();
      set.invert();
      return set;
    }
    CharSet set = take("\\") ? escape() : CharSet::of(character());
    if (ignore_case_) set.ignore_case();
    return set;
  }

  Part group() {
    const bool outer_case = ignore_case_;
    if (starts("?")) group_kind();
    const Part inner = alternatives();
    if (!take(")")) refuse("a group is not closed");
    ignore_case_ = outer_case;
    return inner;
  }

  void group_kind() {
    if (take("?:")) return;
    if (starts("?=") || starts("?!") || starts("?<=") || starts("?<!")) unsupported("look-around");
    if (starts("?>")) unsupported("an atomic group");
    if (starts("?P=")) unsupported("a back-reference");
    if (starts("?(")) unsupported("a condition");
    if (take("?i:")) {
      ignore_case_ = true;
      return;
    }
    if (take("?-i:")) {
      ignore_case_ = false;
      return;
    }
    if (take("?P<") || take("?<")) {
      const std::size_t begin = at_;
      while (!at_end() && (is_letter_or_digit(s_[at_]) || s_[at_] == '_')) ++at_;
      if (at_ == begin || !take(">")) refuse("the name of a group is wanted");
      return;
    }
    unsupported("this kind of group");
  }

  // After the backslash.
  CharSet escape() {
    if (at_end()) refuse("an escape is missing");
    const char c = s_[at_++];
    switch (c) {
      case 'd':
      case 'D':
        return negated(digits(), c == 'D');
      case 'w':
      case 'W':
        return negated(word_characters(), c == 'W');
      case 's':
      case 'S':
        return negated(white_space(), c == 'S');
      case 'p':
      case 'P':
        return property(c == 'P');
      case 'n':
        return CharSet::of('\n');
      case 'r':
        return CharSet::of('\r');
      case 't':
        return CharSet::of('\t');
      case 'f':
        return CharSet::of('\f');
      case 'v':
        return CharSet::of('\v');
      case '0':
        if (!at_end() && is_digit(s_[at_])) unsupported("an octal escape");
        return CharSet::of(0);
      case 'x':
        return CharSet::of(hexadecimal(2));
      case 'u':
        return CharSet::of(hexadecimal(4));
      default:
        break;
    }
    --at_;
    if (is_digit(c) || c == 'k') unsupported("a back-reference");
    if (is_letter_or_digit(c)) unsupported(text("the escape \\", c));
    return CharSet::of(character());
  }
  static CharSet negated(CharSet set, bool negative) {
    if (negative) set.invert();
    return set;
  }

  // \p{Lu}, \p{L}; after the p.
  CharSet property(bool negative) {
    if (!take("{")) refuse("a property in braces is wanted");
    const std::size_t end = s_.find('}', at_);
    if (end == std::string_view::npos) refuse("a property is not closed");
    const std::string_view name = s_.substr(at_, end - at_);
    const CharSet set = CharSet::property(name);
    if (set.empty()) unsupported(text("the property ", name));
    at_ = end + 1;
    return negated(set, negative);
  }

  char32_t hexadecimal(std::size_t digits) {
    const bool braces = digits == 4 && take("{");
    char32_t c = 0;
    std::size_t n = 0;
    for (; !at_end() && (braces ? s_[at_] != '}' : n < digits); ++n, ++at_) {
      const int v = hexadecimal_digit(s_[at_]);
      if (v < 0 || c > CharSet::kLast) refuse("a hexadecimal number is wanted");
      c = c * 16 + static_cast<char32_t>(v);
    }
    if (n == 0 || (!braces && n < digits) || (braces && !take("}")) || c > CharSet::kLast) {
      refuse("a hexadecimal number is wanted");
    }
    if (c >= 0xD800 && c <= 0xDFFF) unsupported("a surrogate");
    return c;
  }

  // After the opening bracket.
  CharSet character_class() {
    const bool negative = take("^");
    CharSet set;
    if (starts("]")) unsupported("a class that begins with a bracket, on which the dialects differ,");
    while (!starts("]")) {
      if (starts("[:") || starts("&&") || starts("--")) unsupported("this syntax in a class");
      member(set);
    }
    take("]");
    if (ignore_case_) set.ignore_case();
    return negated(set, negative);
  }

  // One character or a shorthand; whether it may be the end of a range.
  bool class_atom(CharSet& one) {
    if (at_end()) refuse("a class is not closed");
    if (!take("\\")) {
      one = CharSet::of(character());
      return true;
    }
    if (take("b")) {
      one = CharSet::of('\b');
      return true;
    }
    const bool single = at_end() || std::string_view("dDwWsSpP").find(s_[at_]) == std::string_view::npos;
    one = escape();
    return single;
  }
  void member(CharSet& set) {
    CharSet first;
    const bool single = class_atom(first);
    if (!starts("-") || starts("-]")) return set.add(first);
    take("-");
    CharSet last;
    const bool last_single = class_atom(last);
    if (!single || !last_single) refuse("a range wanted two characters");
    if (last.first() < first.first()) refuse("a range that goes down");
    set.add(CharSet::range(first.first(), last.first()));
  }

  std::string_view s_, where_;
  Regular result_;
  std::size_t at_ = 0;
  std::int64_t depth_ = 0;
  bool ignore_case_ = false;
};

}  // namespace

Regular read_regular_expression(std::string_view expression, const GrammarLimits& limits, std::string_view where) {
  return Reader(expression, limits, where).read();
}

}  // namespace ttt
