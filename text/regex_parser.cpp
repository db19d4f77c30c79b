#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/regex.h"
#include "text/unicode.h"

namespace ttt {

// Turns an expression into instructions, by recursive descent: alternatives, pieces with quantifiers, atoms.
class RegexParser {
 public:
  RegexParser(Regex& regex, std::string_view where) : regex_(regex), s_(regex.expression_), where_(where) {}

  void parse() {
    require(!s_.empty(), ErrorKind::kUnsupported, where_, ": an empty pattern is not supported");
    alternatives();
    if (!at_end()) refuse("a closing bracket too many");
    emit({.op = Op::kMatch});
    find_first();
  }

 private:
  using Op = Regex::Op;
  using Code = Regex::Code;

  struct Repeat {
    std::uint32_t least = 1, most = 1;
    bool lazy = false, possessive = false;
  };

  [[noreturn]] void refuse(std::string_view problem) const {
    fail(ErrorKind::kUnsupported,
         text(where_, ": the regular expression \"", s_, "\" is not supported: ", problem, " at byte ", at_));
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

  std::uint32_t here() const { return static_cast<std::uint32_t>(regex_.code_.size()); }
  std::uint32_t emit(const Code& code) {
    if (regex_.code_.size() >= Regex::kMostCode) refuse(text("more than ", Regex::kMostCode, " instructions"));
    regex_.code_.push_back(code);
    return here() - 1;
  }
  std::uint32_t keep(CharSet set) {
    regex_.sets_.push_back(std::move(set));
    return static_cast<std::uint32_t>(regex_.sets_.size() - 1);
  }
  // Room for `count` instructions at `begin`; what follows moves, and its jumps with it.
  void open_room(std::uint32_t begin, std::uint32_t count) {
    if (regex_.code_.size() + count > Regex::kMostCode) refuse(text("more than ", Regex::kMostCode, " instructions"));
    regex_.code_.insert(regex_.code_.begin() + begin, count, Code{});
    for (std::uint32_t i = begin + count; i < here(); ++i) shift(regex_.code_[i], count);
  }
  static void shift(Code& code, std::uint32_t by) {
    const bool jumps = code.op == Op::kSplit || code.op == Op::kJump || code.op == Op::kLook || code.op == Op::kAtomic;
    if (jumps) code.a += by;
    if (code.op == Op::kSplit) code.b += by;
  }

  // Returns whether what was read can match nothing; the same of those below.
  bool alternatives() {
    if (++depth_ > Regex::kDeepest) refuse(text("more than ", Regex::kDeepest, " nested groups"));
    std::vector<std::uint32_t> exits;
    bool empty = false;
    for (;;) {
      const std::uint32_t begin = here();
      empty = sequence() || empty;
      if (!take("|")) break;
      open_room(begin, 1);
      exits.push_back(emit({.op = Op::kJump}));
      regex_.code_[begin] = {.op = Op::kSplit, .a = begin + 1, .b = here()};
    }
    for (const std::uint32_t exit : exits) regex_.code_[exit].a = here();
    --depth_;
    return empty;
  }

  bool sequence() {
    bool empty = true;
    while (!at_end() && !starts("|") && !starts(")")) empty = piece() && empty;
    return empty;
  }

  bool piece() {
    const std::uint32_t begin = here();
    const bool empty = atom();
    const std::optional<Repeat> repeat = quantifier();
    if (!repeat) return empty;
    const Code first = here() > begin ? regex_.code_[begin] : Code{};
    if (here() == begin + 1 && first.op == Op::kSet && !repeat->lazy) {
      regex_.code_[begin] = {.op = Op::kRun,
                             .possessive = repeat->possessive,
                             .set = first.set,
                             .least = repeat->least,
                             .most = repeat->most};
    } else {
      repeat_code(begin, *repeat, empty);
    }
    return empty || repeat->least == 0;
  }

  // The instructions from `begin` on, so many times.
  void repeat_code(std::uint32_t begin, const Repeat& repeat, bool empty) {
    if (repeat.most == Regex::kUnbounded && empty) refuse("a repeated group that may match nothing");
    const std::vector<Code> body(regex_.code_.begin() + begin, regex_.code_.end());
    regex_.code_.resize(begin);
    if (repeat.possessive) emit({.op = Op::kAtomic});
    const auto copy = [&] {
      const std::uint32_t by = here() - begin;
      for (Code code : body) {
        shift(code, by);
        emit(code);
      }
    };
    const auto branch = [&](std::uint32_t split, std::uint32_t into, std::uint32_t past) {
      regex_.code_[split].a = repeat.lazy ? past : into;
      regex_.code_[split].b = repeat.lazy ? into : past;
    };
    for (std::uint32_t n = 0; n < repeat.least; ++n) copy();
    if (repeat.most == Regex::kUnbounded) {
      const std::uint32_t split = emit({.op = Op::kSplit});
      copy();
      emit({.op = Op::kJump, .a = split});
      branch(split, split + 1, here());
    } else {
      std::vector<std::uint32_t> splits;
      for (std::uint32_t n = repeat.least; n < repeat.most; ++n) {
        splits.push_back(emit({.op = Op::kSplit}));
        copy();
      }
      for (const std::uint32_t split : splits) branch(split, split + 1, here());
    }
    if (!repeat.possessive) return;
    emit({.op = Op::kMatch});
    regex_.code_[begin].a = here();
  }

  std::optional<Repeat> quantifier() {
    Repeat repeat;
    bool interval = false;
    if (take("*")) {
      repeat = {.least = 0, .most = Regex::kUnbounded};
    } else if (take("+")) {
      repeat = {.least = 1, .most = Regex::kUnbounded};
    } else if (take("?")) {
      repeat = {.least = 0, .most = 1};
    } else if (take("{")) {
      interval = true;
      const bool from_none = starts(",");
      repeat.least = from_none ? 0 : number();
      repeat.most = repeat.least;
      if (take(",")) repeat.most = starts("}") ? Regex::kUnbounded : number();
      if (!take("}") || repeat.most < repeat.least) refuse("a repetition wanted as {m}, {m,} or {m,n}");
    } else {
      return std::nullopt;
    }
    repeat.lazy = take("?");
    // {m,n}+ repeats what {m,n} is, in the dialect of the tokenizers library (Ruby's).
    repeat.possessive = !repeat.lazy && !interval && take("+");
    if (repeat.lazy && interval && repeat.least == repeat.most) refuse("a lazy repetition of a fixed count");
    if (starts("*") || starts("+") || starts("?")) refuse("a quantifier of a quantifier");
    return repeat;
  }

  std::uint32_t number() {
    constexpr std::uint32_t kLargest = 1000;
    std::uint32_t n = 0;
    if (at_end() || s_[at_] < '0' || s_[at_] > '9') refuse("a number is missing");
    while (!at_end() && s_[at_] >= '0' && s_[at_] <= '9') {
      n = 10 * n + static_cast<std::uint32_t>(s_[at_++] - '0');
      if (n > kLargest) refuse(text("a repetition of more than ", kLargest));
    }
    return n;
  }

  bool atom() {
    if (take("(")) return group();
    if (take("^")) return assertion(Op::kStart);
    if (take("$")) return assertion(Op::kEnd);
    if (take("\\A")) return assertion(Op::kTextStart);
    if (take("\\z")) return assertion(Op::kTextEnd);
    if (take("\\Z")) return assertion(Op::kLastLine);
    if (take("\\b")) return assertion(Op::kEdge);
    if (take("\\B")) return assertion(Op::kNoEdge);
    if (starts("*") || starts("+") || starts("?") || starts("{")) refuse("a quantifier of nothing");
    CharSet set;
    if (take("[")) {
      set = character_class();
    } else if (take(".")) {
      set = CharSet::of('\n');
      set.invert();
    } else {
      set = take("\\") ? escape() : CharSet::of(character());
      if (ignore_case_) set.ignore_case();
    }
    emit({.op = Op::kSet, .set = keep(std::move(set))});
    return false;
  }

  // The characters that the instructions reach first, whatever assertions say.
  void find_first() {
    std::vector<bool> seen(regex_.code_.size());
    std::vector<std::uint32_t> open = {0};
    CharSet first;
    while (!open.empty()) {
      const std::uint32_t pc = open.back();
      open.pop_back();
      if (seen[pc]) continue;
      seen[pc] = true;
      const Code& c = regex_.code_[pc];
      switch (c.op) {
        case Op::kSet:
          first.add(regex_.sets_[c.set]);
          break;
        case Op::kRun:
          first.add(regex_.sets_[c.set]);
          if (c.least == 0) open.push_back(pc + 1);
          break;
        case Op::kSplit:
          open.push_back(c.a);
          open.push_back(c.b);
          break;
        case Op::kJump:
        case Op::kLook:
          open.push_back(c.a);
          break;
        case Op::kAtomic:  // its end is a match too: what follows is not looked at
        case Op::kMatch:
          return;
        default:
          open.push_back(pc + 1);
          break;
      }
    }
    regex_.first_ = std::move(first);
  }

  bool assertion(Op op) {
    emit({.op = op});
    return true;
  }

  bool group() {
    const bool outer_case = ignore_case_;
    bool empty = false;
    if (take("?=") || take("?!")) {
      const bool negative = s_[at_ - 1] == '!';
      enclosed({.op = Op::kLook, .negative = negative});
      empty = true;
    } else if (take("?>")) {
      empty = enclosed({.op = Op::kAtomic});
    } else {
      if (take("?i:")) {
        ignore_case_ = true;
      } else if (!take("?:") && starts("?")) {
        refuse("a kind of group that is not known");
      }
      empty = alternatives();
    }
    if (!take(")")) refuse("a group is not closed");
    ignore_case_ = outer_case;
    return empty;
  }

  bool enclosed(const Code& code) {
    const std::uint32_t begin = emit(code);
    const bool empty = alternatives();
    emit({.op = Op::kMatch});
    regex_.code_[begin].a = here();
    return empty;
  }

  // After the backslash.
  CharSet escape() {
    if (at_end()) refuse("an escape is missing");
    const char c = s_[at_];
    CharSet set;
    switch (c) {
      case 'd':
      case 'D':
        set = CharSet::property("Nd");
        break;
      case 's':
      case 'S':
        set = CharSet::with_classes(kSpace);
        break;
      case 'w':
      case 'W':
        set = CharSet::with_classes(kWord);
        break;
      case 'p':
      case 'P':
        return property(c == 'P');
      case 'n':
        set = CharSet::of('\n');
        break;
      case 'r':
        set = CharSet::of('\r');
        break;
      case 't':
        set = CharSet::of('\t');
        break;
      case 'f':
        set = CharSet::of('\f');
        break;
      case 'v':
        set = CharSet::of('\v');
        break;
      case 'x':
      case 'u':
        return CharSet::of(hexadecimal());
      default: {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (letter) refuse("an escape that is not known");
        return CharSet::of(character());
      }
    }
    ++at_;
    if (c == 'D' || c == 'S' || c == 'W') set.invert();
    return set;
  }

  // \p{Lu}, \p{^Lu}, \pL; at the p.
  CharSet property(bool negative) {
    ++at_;
    std::string_view name;
    if (take("{")) {
      if (take("^")) negative = !negative;
      const std::size_t end = s_.find('}', at_);
      if (end == std::string_view::npos) refuse("a property is not closed");
      name = s_.substr(at_, end - at_);
      at_ = end + 1;
    } else {
      name = s_.substr(at_, 1);
      at_ += name.size();
    }
    CharSet set = CharSet::property(name);
    if (set.empty()) refuse(text("the property ", name, " is not known"));
    if (negative) set.invert();
    return set;
  }

  // \x41, \x{1F600}, \u00e9; at the letter.
  char32_t hexadecimal() {
    const std::size_t fixed = s_[at_] == 'x' ? 2 : 4;
    ++at_;
    const bool braces = take("{");
    char32_t c = 0;
    std::size_t digits = 0;
    for (; !at_end() && (braces ? s_[at_] != '}' : digits < fixed); ++digits, ++at_) {
      const char d = s_[at_];
      const int v = d >= '0' && d <= '9'   ? d - '0'
                    : d >= 'a' && d <= 'f' ? d - 'a' + 10
                    : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                           : -1;
      if (v < 0 || c > 0xFFFFFF) refuse("a hexadecimal number is wanted");
      c = c * 16 + static_cast<char32_t>(v);
    }
    if (digits == 0 || (braces && !take("}")) || c > CharSet::kLast) refuse("a hexadecimal number is wanted");
    return c;
  }

  // After the opening bracket.
  CharSet character_class() {
    if (++depth_ > Regex::kDeepest) refuse(text("more than ", Regex::kDeepest, " nested groups"));
    if (starts(":")) refuse("a POSIX class");
    const bool negative = take("^");
    CharSet set;
    std::optional<CharSet> narrowed;  // what stands before the last &&
    for (bool first = true; first || !starts("]"); first = false) {
      if (take("&&")) {
        if (narrowed) set.intersect(*narrowed);
        narrowed = std::exchange(set, CharSet());
      } else {
        member(set);
      }
    }
    take("]");
    if (narrowed) set.intersect(*narrowed);
    if (ignore_case_) set.ignore_case();
    if (negative) set.invert();
    --depth_;
    return set;
  }

  void member(CharSet& set) {
    if (take("[")) return set.add(character_class());
    const bool escaped = take("\\");
    if (escaped) {
      const std::size_t begin = at_;
      CharSet one = escape();
      const bool single = begin < s_.size() && std::string_view("dDsSwWpP").find(s_[begin]) == std::string_view::npos;
      if (!single || !starts("-") || starts("-]")) return set.add(one);
      return range(set, one.first());
    }
    const char32_t c = character();
    if (!starts("-") || starts("-]")) return set.add(CharSet::of(c));
    range(set, c);
  }

  // At the hyphen.
  void range(CharSet& set, char32_t first) {
    take("-");
    char32_t last = 0;
    if (take("\\")) {
      last = escape().first();
    } else {
      last = character();
    }
    if (last < first) refuse("a range that goes down");
    set.add(CharSet::range(first, last));
  }

  Regex& regex_;
  std::string_view s_;
  std::string_view where_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool ignore_case_ = false;
};

Regex Regex::parse(std::string_view expression, std::string_view where) {
  Regex regex;
  regex.expression_ = expression;
  RegexParser(regex, where).parse();
  return regex;
}

}  // namespace ttt
