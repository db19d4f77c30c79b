#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/grammar/grammar_vocabulary.h"
#include "text/grammar/matcher.h"

namespace ttt {

// The tokens that may follow a state of a grammar, found by walking the vocabulary's trees with the automaton, and
// kept.
//
// What a state allows is kept apart from what follows its rule: the tokens that stay within the rule, and the places in
// the trees where a token leaves it. With the state that goes on then, the rest of these tokens is looked at, and kept
// likewise below the first; and so on, until no token reaches further down. As in XGrammar (Dong et al., 2024), few
// tokens depend on the stack, and few states of it matter.
//
// Any number of threads may use one object.
class TokenMasks {
 public:
  // `cache_bytes`: what is kept is dropped when it exceeds this. Both must outlive the object.
  TokenMasks(const GrammarAutomaton& automaton, const GrammarVocabulary& vocabulary, std::int64_t cache_bytes);
  ~TokenMasks();

  // Adds the tokens that may follow to mask [vocabulary.words()]. Error{kUnsupported} where a grammar is so ambiguous
  // that this takes too long.
  void add(std::span<const GrammarHead> heads, const GrammarStacks& stacks, std::span<std::uint32_t> mask);

 private:
  struct Place {
    std::uint32_t tree = 0, node = 0;
  };
  struct Kept;
  using Shared = std::shared_ptr<Kept>;
  class Walk;

  Shared base_of(GrammarAutomaton::State state);
  Shared below(const Shared& kept, GrammarAutomaton::State state);
  Shared publish(std::unordered_map<GrammarAutomaton::State, Shared>& where, GrammarAutomaton::State state,
                 Shared made);
  int plain_reach(GrammarAutomaton::State state) const;
  Shared compute_base(GrammarAutomaton::State state) const;

  const GrammarAutomaton& automaton_;
  const GrammarVocabulary& vocabulary_;
  std::int64_t cache_bytes_;
  std::mutex mutex_;  // of what follows, and of what is below each Kept
  std::int64_t used_bytes_ = 0;
  std::unordered_map<GrammarAutomaton::State, Shared> bases_;
};

}  // namespace ttt
