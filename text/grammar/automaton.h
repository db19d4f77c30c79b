#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/grammar/graph.h"

namespace ttt {

// A grammar as it runs: a pushdown automaton over bytes. Each rule is deterministic by itself; a rule that is not
// recursive is written out where it is used, as far as the limit of states allows, so that a regular grammar becomes
// one finite automaton. Constant after construction.
//
// The rest of a text is described by a state and what follows once its rule ends. A byte leads from a state to others,
// each by a number of pushes: the states that go on when the rules entered by it have ended.
class GrammarAutomaton {
 public:
  using State = std::uint32_t;
  static constexpr State kDead = 0x7FFFFFFF;        // of step: the byte is refused
  static constexpr std::uint32_t kMany = 1u << 31;  // of step: the rest is an index for options()

  struct Option {
    State to = 0;
    std::uint32_t pushes = 0, push_count = 0;  // first pushed first
  };

  // Error{kBadData} naming the rule and the place, or the limit: an undefined or left-recursive rule, a grammar without
  // any text, more states or steps than allowed.
  static GrammarAutomaton compile(const GrammarGraph& graph, std::uint32_t root);

  State begin() const { return begin_; }
  State states() const { return static_cast<State>(accepts_.size()); }
  bool accepts(State s) const { return accepts_[s]; }  // its rule may end here
  // Where a byte leads by edges of the state's own rule and of those that begin here: kDead, a state, or kMany | index.
  std::uint32_t step(State s, std::uint8_t byte) const {
    const Row& row = rows_[s];
    if (row.dense != kNoRow) return dense_[row.dense][byte];
    for (std::uint32_t i = row.first; i < row.last; ++i) {
      if (byte <= edges_[i].last) return byte >= edges_[i].first ? edges_[i].value : kDead;
    }
    return kDead;
  }
  std::span<const Option> options(std::uint32_t value) const {
    const Options& o = many_[value & ~kMany];
    return std::span(options_).subspan(o.first, o.count);
  }
  std::span<const State> pushes(const Option& option) const {
    return std::span(pushes_).subspan(option.pushes, option.push_count);
  }
  // Whether no rule is ever pushed: a finite automaton.
  bool is_regular() const { return many_.empty(); }
  std::int64_t bytes() const;  // of memory

 private:
  friend class AutomatonCompiler;
  static constexpr std::uint32_t kNoRow = 0xFFFFFFFF;
  struct Edge {
    std::uint8_t first = 0, last = 0;
    std::uint32_t value = kDead;
  };
  struct Row {
    std::uint32_t first = 0, last = 0;  // of edges_, ascending
    std::uint32_t dense = kNoRow;
  };
  struct Options {
    std::uint32_t first = 0, count = 0;
  };

  State begin_ = 0;
  std::vector<bool> accepts_;
  std::vector<Row> rows_;
  std::vector<Edge> edges_;
  std::vector<std::array<std::uint32_t, 256>> dense_;
  std::vector<Options> many_;
  std::vector<Option> options_;
  std::vector<State> pushes_;
};

}  // namespace ttt
