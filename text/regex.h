#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/char_set.h"

namespace ttt {

// A regular expression as tokenizers use them, over valid UTF-8: literals, ., classes with ranges, negation and &&,
// \d \s \w and their negations, \p{...}, ^ and $ (of a line), \A \z \Z, \b \B, groups, (?i:...), look-ahead,
// alternation, and the quantifiers
// * + ? {m,n}, also lazy and possessive. Of several matches at one place the first in the order of the alternatives
// is used, as in Perl. There are no back-references and no look-behind; a group repeated without limit must not be able
// to match nothing.
//
// Untrusted expressions and texts are safe: the size of an expression is limited, and a search stops with an
// error after a number of steps in proportion to the text.
class Regex {
 public:
  static constexpr std::size_t kMostCode = 4096;  // instructions
  static constexpr int kDeepest = 64;             // nested groups

  struct Match {
    std::size_t begin, end;
  };

  // Throws Error{kUnsupported} quoting the expression and its unsupported part.
  static Regex parse(std::string_view expression, std::string_view where);

 private:
  friend class RegexParser;
  friend class RegexSearch;

  enum class Op : std::uint8_t {
    kSet,
    kRun,
    kSplit,
    kJump,
    kLook,
    kAtomic,
    kStart,
    kEnd,
    kTextStart,
    kTextEnd,
    kLastLine,
    kEdge,
    kNoEdge,
    kMatch
  };
  static constexpr std::uint32_t kUnbounded = 0xFFFFFFFF;
  struct Code {
    Op op = Op::kMatch;
    bool negative = false;              // kLook: (?!...)
    bool possessive = false;            // kRun: without backtracking
    std::uint32_t set = 0;              // kSet, kRun: index into sets_
    std::uint32_t a = 0, b = 0;         // kSplit: tried first and second; kJump: a; kLook, kAtomic: a follows the group
    std::uint32_t least = 0, most = 0;  // kRun
  };

  std::string expression_;
  std::vector<Code> code_;
  std::vector<CharSet> sets_;
  std::optional<CharSet> first_;  // what a match starts with; none where it may be empty
};

// Finds the matches of one expression in one text.
class RegexSearch {
 public:
  // Both must outlive the search.
  RegexSearch(const Regex& regex, std::string_view s);
  // The first match at or after `from`. Throws Error{kUnsupported} quoting the expression when the steps are used up.
  std::optional<Regex::Match> find(std::size_t from);
  std::uint64_t steps() const { return steps_; }  // so far

 private:
  static constexpr std::size_t kNoRun = static_cast<std::size_t>(-1);
  static constexpr std::size_t kPage = 1024;  // bytes of text

  struct Branch {
    std::uint32_t pc;
    std::size_t at;
    std::size_t limit = kNoRun;  // of a run: its shortest end; `at` goes back to it character by character
  };

  std::optional<std::size_t> match(std::uint32_t pc, std::size_t at, bool inner);
  bool run(std::uint32_t pc, std::size_t& at, bool inner);
  void resume(std::uint32_t& pc, std::size_t& at);
  bool edge(std::size_t at) const;
  bool tried(std::uint32_t pc, std::size_t at);
  void forget();
  void count_step();

  const Regex& regex_;
  std::string_view s_;
  std::uint64_t steps_ = 0, most_steps_ = 0, find_began_ = 0;
  std::vector<Branch> branches_;
  // Which instructions were reached where in this find(): what failed once fails again (as in the bit-state matcher of
  // RE2). Kept only once a find() has taken many steps.
  std::vector<std::unique_ptr<std::vector<bool>>> tried_;
  std::vector<std::size_t> pages_in_use_;
};

}  // namespace ttt
