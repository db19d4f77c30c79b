#pragma once

#include <vector>

#include "text/grammar/graph.h"

namespace ttt {

// What is known of the rules of a grammar before it is compiled. Vectors by rule.
struct RuleAnalysis {
  std::vector<std::vector<GrammarGraph::State>> states;  // reached from the rule's begin by its own edges
  std::vector<bool> nullable;                            // has the empty text
  std::vector<bool> productive;                          // has any text
  std::vector<bool> kept;                                // not written out where it is used
  std::vector<std::uint32_t> left_order;                 // rules, each after those that a text of it may begin with
};

// Error{kBadData} naming a left-recursive rule.
RuleAnalysis analyse_rules(const GrammarGraph& graph, std::uint32_t root);

}  // namespace ttt
