#include <optional>
#include <utility>

#include "base/error.h"
#include "text/regex.h"
#include "text/regex_sets.h"
#include "text/regex_source.h"

namespace ttt {

// Turns an expression into instructions, by recursive descent: alternatives, pieces with quantifiers, atoms.
class RegexParser {
 public:
  RegexParser(Regex& regex, std::string_view where) : regex_(regex), source_(regex.expression_, where) {}

  void parse() {
    alternatives();
    if (!source_.at_end()) source_.refuse("a closing bracket too many");
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

  std::uint32_t here() const { return static_cast<std::uint32_t>(regex_.code_.size()); }
  std::uint32_t emit(const Code& code) {
    if (regex_.code_.size() >= Regex::kMostCode) source_.refuse(text("more than ", Regex::kMostCode, " instructions"));
    regex_.code_.push_back(code);
    return here() - 1;
  }
  std::uint32_t keep(CharSet set) {
    regex_.sets_.push_back(std::move(set));
    return static_cast<std::uint32_t>(regex_.sets_.size() - 1);
  }
  // Room for `count` instructions at `begin`; what follows moves, and its jumps with it.
  void open_room(std::uint32_t begin, std::uint32_t count) {
    if (regex_.code_.size() + count > Regex::kMostCode)
      source_.refuse(text("more than ", Regex::kMostCode, " instructions"));
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
    source_.enter();
    std::vector<std::uint32_t> exits;
    bool empty = false;
    for (;;) {
      const std::uint32_t begin = here();
      empty = sequence() || empty;
      if (!source_.take("|")) break;
      open_room(begin, 1);
      exits.push_back(emit({.op = Op::kJump}));
      regex_.code_[begin] = {.op = Op::kSplit, .a = begin + 1, .b = here()};
    }
    for (const std::uint32_t exit : exits) regex_.code_[exit].a = here();
    source_.leave();
    return empty;
  }

  bool sequence() {
    bool empty = true;
    while (!source_.at_end() && !source_.starts("|") && !source_.starts(")")) empty = piece() && empty;
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
    if (repeat.most == Regex::kUnbounded && empty) source_.refuse("a repeated group that may match nothing");
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
    if (source_.take("*")) {
      repeat = {.least = 0, .most = Regex::kUnbounded};
    } else if (source_.take("+")) {
      repeat = {.least = 1, .most = Regex::kUnbounded};
    } else if (source_.take("?")) {
      repeat = {.least = 0, .most = 1};
    } else if (source_.take("{")) {
      interval = true;
      const bool from_none = source_.starts(",");
      repeat.least = from_none ? 0 : number();
      repeat.most = repeat.least;
      if (source_.take(",")) repeat.most = source_.starts("}") ? Regex::kUnbounded : number();
      if (!source_.take("}") || repeat.most < repeat.least) source_.refuse("a repetition wanted as {m}, {m,} or {m,n}");
    } else {
      return std::nullopt;
    }
    repeat.lazy = source_.take("?");
    // {m,n}+ repeats what {m,n} is, in the dialect of the tokenizers library (Ruby's).
    repeat.possessive = !repeat.lazy && !interval && source_.take("+");
    if (repeat.lazy && interval && repeat.least == repeat.most) source_.refuse("a lazy repetition of a fixed count");
    if (source_.starts("*") || source_.starts("+") || source_.starts("?"))
      source_.refuse("a quantifier of a quantifier");
    return repeat;
  }

  std::uint32_t number() {
    constexpr std::uint32_t kLargest = 1000;
    std::uint32_t n = 0;
    const auto is_digit = [&] { return !source_.at_end() && source_.rest()[0] >= '0' && source_.rest()[0] <= '9'; };
    if (!is_digit()) source_.refuse("a number is missing");
    for (; is_digit(); source_.skip(1)) {
      n = 10 * n + static_cast<std::uint32_t>(source_.rest()[0] - '0');
      if (n > kLargest) source_.refuse(text("a repetition of more than ", kLargest));
    }
    return n;
  }

  bool atom() {
    if (source_.take("(")) return group();
    if (source_.take("^")) return assertion(Op::kStart);
    if (source_.take("$")) return assertion(Op::kEnd);
    if (source_.take("\\A")) return assertion(Op::kTextStart);
    if (source_.take("\\z")) return assertion(Op::kTextEnd);
    if (source_.take("\\Z")) return assertion(Op::kLastLine);
    if (source_.take("\\b")) return assertion(Op::kEdge);
    if (source_.take("\\B")) return assertion(Op::kNoEdge);
    if (source_.starts("*") || source_.starts("+") || source_.starts("?") || source_.starts("{"))
      source_.refuse("a quantifier of nothing");
    CharSet set;
    if (source_.take("[")) {
      set = read_character_class(source_, ignore_case_);
    } else if (source_.take(".")) {
      set = CharSet::of('\n');
      set.invert();
    } else {
      set = source_.take("\\") ? read_escape(source_) : CharSet::of(source_.character());
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
    const bool negative = source_.starts("?!");
    if (source_.take("?=") || source_.take("?!")) {
      enclosed({.op = Op::kLook, .negative = negative});
      empty = true;
    } else if (source_.take("?>")) {
      empty = enclosed({.op = Op::kAtomic});
    } else {
      if (source_.take("?i:")) {
        ignore_case_ = true;
      } else if (!source_.take("?:") && source_.starts("?")) {
        source_.refuse("a kind of group that is not known");
      }
      empty = alternatives();
    }
    if (!source_.take(")")) source_.refuse("a group is not closed");
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

  Regex& regex_;
  RegexSource source_;
  bool ignore_case_ = false;
};

Regex Regex::parse(std::string_view expression, std::string_view where) {
  Regex regex;
  regex.expression_ = expression;
  require(!expression.empty(), ErrorKind::kUnsupported, where, ": an empty pattern is not supported");
  RegexParser(regex, where).parse();
  return regex;
}

}  // namespace ttt
