#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/grammar/automaton.h"

namespace ttt {

// What follows once the present rule ends, as sets of stacks that share their tails. A set is a list of entries: the
// state that goes on, and the set below it. Sets are never changed, so that any number of readers at different places
// of a text refer to the same ones. Two stacks with the same states are one, so that an ambiguous grammar needs no more
// than as many entries for each byte as it has states.
class GrammarStacks {
 public:
  using State = GrammarAutomaton::State;
  using Set = std::uint32_t;
  struct Entry {
    State state = 0;
    Set below = 0;
    Set next = 0;  // entry of the same set, or kNone
  };
  static constexpr Set kNone = 0xFFFFFFFF;
  static constexpr Set kBottom = 0, kUnknown = 1;  // the end of the text; what is not known
  static constexpr State kEndState = 0xFFFFFFFE, kUnknownState = 0xFFFFFFFF;

  GrammarStacks() : entries_{{kEndState, kNone, kNone}, {kUnknownState, kNone, kNone}} {}

  const Entry& at(Set set) const { return entries_[set]; }
  Set push(State state, Set below) { return add({state, below, kNone}); }
  // The stacks of both.
  Set merge(Set a, Set b) { return merge(a, b, 0); }
  std::size_t size() const { return entries_.size(); }
  void shrink(std::size_t size) { entries_.resize(size); }  // drops what was added last
  // A copy of `set` and all below it into `to`. `copies`: of sets that were copied before, empty at first.
  Set copy(Set set, GrammarStacks& to, std::vector<std::pair<Set, Set>>& copies) const;

 private:
  Set merge(Set a, Set b, int depth);
  Set add(const Entry& entry) {
    entries_.push_back(entry);
    return static_cast<Set>(entries_.size() - 1);
  }
  std::vector<Entry> entries_;
};

// A state within a rule, and what follows the rule.
struct GrammarHead {
  GrammarAutomaton::State state = 0;
  GrammarStacks::Set stacks = GrammarStacks::kBottom;
};

// Leads heads over one byte. `out` gets at most one head for each state.
class GrammarStepper {
 public:
  explicit GrammarStepper(const GrammarAutomaton& automaton) : automaton_(&automaton) {}
  void step(std::span<const GrammarHead> heads, std::uint8_t byte, GrammarStacks& stacks,
            std::vector<GrammarHead>& out);
  // The number of heads that were looked at since the beginning.
  std::uint64_t work() const { return work_; }

 private:
  void add(GrammarHead head, std::size_t first, GrammarStacks& stacks, std::vector<GrammarHead>& out) const;

  const GrammarAutomaton* automaton_;
  std::vector<GrammarHead> open_;
  std::uint64_t work_ = 0;
};

// Whether all that is left may end here, so that the state `end` is what follows: kEndState or kUnknownState.
bool reaches(const GrammarAutomaton& automaton, std::span<const GrammarHead> heads, const GrammarStacks& stacks,
             GrammarAutomaton::State end);

// Reads a text byte by byte.
class GrammarMatcher {
 public:
  // The automaton must outlive the matcher.
  explicit GrammarMatcher(const GrammarAutomaton& automaton)
      : automaton_(&automaton), stepper_(automaton), heads_{{automaton.begin(), GrammarStacks::kBottom}} {}

  // Whether the bytes may come next; if not, the matcher is unchanged.
  bool accept(std::string_view bytes);
  bool can_end() const { return reaches(*automaton_, heads_, stacks_, GrammarStacks::kEndState); }
  std::span<const GrammarHead> heads() const { return heads_; }
  const GrammarStacks& stacks() const { return stacks_; }

 private:
  void collect();  // drops the stacks that no head has any more

  const GrammarAutomaton* automaton_;
  GrammarStepper stepper_;
  GrammarStacks stacks_;
  std::vector<GrammarHead> heads_, next_, before_;
  std::size_t collect_at_ = 4096;
};

}  // namespace ttt
