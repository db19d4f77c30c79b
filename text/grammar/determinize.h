#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/rule_analysis.h"

namespace ttt {

// A rule as a deterministic automaton, whose edges take a byte or a text of a kept rule. From every state its end can
// be reached.
struct DeterministicRule {
  struct ByteEdge {
    std::uint8_t first = 0, last = 0;
    std::uint32_t to = 0;
  };
  struct Call {
    std::uint32_t rule = 0, to = 0;
  };
  struct Node {
    bool accepts = false;
    std::vector<ByteEdge> bytes = {};  // ascending
    std::vector<Call> calls = {};
  };
  std::vector<Node> nodes;  // the first is the begin
};

// What is left of the limits, and memory that the rules use one after another.
struct CompileWork {
  std::int64_t states = 0, steps = 0;
  std::vector<std::uint32_t> copy_of = {};
};

// The subset construction on `rule`, with rules that are not kept written out. A rule that may be empty may also be
// passed over where it is called, so that a call need not end before it has read anything.
DeterministicRule determinize(const GrammarGraph& graph, const RuleAnalysis& rules, std::uint32_t rule,
                              CompileWork& work);

}  // namespace ttt
