#include "text/grammar/rule_analysis.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;
using Label = GrammarGraph::Label;
using Lists = std::vector<std::vector<std::uint32_t>>;

// Orders items so that each comes after those in its list; items on cycles, and those that need them, are left out.
std::vector<std::uint32_t> order_of(const Lists& needs) {
  Lists users(needs.size());
  std::vector<std::size_t> open(needs.size());
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < needs.size(); ++i) {
    open[i] = needs[i].size();
    for (const std::uint32_t other : needs[i]) users[other].push_back(i);
    if (open[i] == 0) order.push_back(i);
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (const std::uint32_t user : users[order[i]]) {
      if (--open[user] == 0) order.push_back(user);
    }
  }
  return order;
}

class Analyser {
 public:
  Analyser(const GrammarGraph& graph, std::uint32_t root) : graph_(graph), root_(root) {}

  RuleAnalysis run() {
    const std::size_t rules = graph_.rules().size();
    result_.states.resize(rules);
    calls_.resize(rules);
    for (std::uint32_t r = 0; r < rules; ++r) collect(r);
    result_.nullable = matching(false);
    result_.productive = matching(true);
    find_left_order();
    choose_kept();
    return std::move(result_);
  }

 private:
  void collect(std::uint32_t rule) {
    std::vector<State>& states = result_.states[rule];
    owner_.resize(graph_.size(), GrammarGraph::kNone);
    const auto reach = [&](State s) {
      if (owner_[s] == rule) return;
      owner_[s] = rule;
      states.push_back(s);
    };
    reach(graph_.rules()[rule].begin);
    for (std::size_t i = 0; i < states.size(); ++i) {
      graph_.each_edge(states[i], [&](const GrammarGraph::Edge& e) {
        reach(e.to);
        if (e.label == Label::kRule) calls_[rule].push_back(e.index);
      });
    }
  }

  // The rules whose end is reached from their begin, by edges that take nothing or, if so, bytes too. An edge of a rule
  // counts once that rule is found.
  std::vector<bool> matching(bool through_bytes) const {
    std::vector<bool> found(graph_.rules().size()), reached(graph_.size());
    std::vector<std::vector<State>> waiting(graph_.rules().size());
    std::vector<std::pair<std::uint32_t, State>> open;
    const auto reach = [&](std::uint32_t rule, State s) {
      if (!reached[s]) open.emplace_back(rule, s);
      reached[s] = true;
    };
    for (std::uint32_t r = 0; r < found.size(); ++r) reach(r, graph_.rules()[r].begin);
    while (!open.empty()) {
      const auto [rule, s] = open.back();
      open.pop_back();
      if (s == graph_.rules()[rule].end && !found[rule]) {
        found[rule] = true;
        for (const State to : waiting[rule]) reach(owner_[to], to);
      }
      graph_.each_edge(s, [&, rule = rule](const GrammarGraph::Edge& e) {
        if (e.label == Label::kRule && !found[e.index]) {
          waiting[e.index].push_back(e.to);
        } else if (e.label != Label::kBytes || through_bytes) {
          reach(rule, e.to);
        }
      });
    }
    return found;
  }

  // The rules that a text of this one may begin with.
  std::vector<std::uint32_t> left_calls(std::uint32_t rule) {
    std::vector<std::uint32_t> left;
    std::vector<State> open{graph_.rules()[rule].begin};
    seen_.resize(graph_.size(), GrammarGraph::kNone);
    seen_[open[0]] = rule;
    while (!open.empty()) {
      const State s = open.back();
      open.pop_back();
      graph_.each_edge(s, [&](const GrammarGraph::Edge& e) {
        if (e.label == Label::kRule) left.push_back(e.index);
        const bool passes = e.label == Label::kEmpty || (e.label == Label::kRule && result_.nullable[e.index]);
        if (!passes || seen_[e.to] == rule) return;
        seen_[e.to] = rule;
        open.push_back(e.to);
      });
    }
    return left;
  }

  void find_left_order() {
    Lists left(graph_.rules().size());
    for (std::uint32_t r = 0; r < left.size(); ++r) left[r] = left_calls(r);
    result_.left_order = order_of(left);
    if (result_.left_order.size() == left.size()) return;
    std::vector<bool> ordered(left.size());
    for (const std::uint32_t r : result_.left_order) ordered[r] = true;
    // What is left over reaches a cycle: follow it until a rule comes again.
    std::vector<std::uint32_t> path;
    auto at = static_cast<std::uint32_t>(std::find(ordered.begin(), ordered.end(), false) - ordered.begin());
    while (std::find(path.begin(), path.end(), at) == path.end()) {
      path.push_back(at);
      at = *std::find_if(left[at].begin(), left[at].end(), [&](std::uint32_t r) { return !ordered[r]; });
    }
    constexpr std::size_t kShown = 8;
    std::string cycle;
    const auto first = std::find(path.begin(), path.end(), at);
    for (auto r = first; r != path.end() && r < first + kShown; ++r) cycle += text(graph_.rules()[*r].name, " -> ");
    if (path.end() - first > static_cast<std::ptrdiff_t>(kShown)) cycle += "... -> ";
    fail(ErrorKind::kBadData, text(graph_.where(), ": the rule ", graph_.rules()[at].name,
                                   " is left-recursive, which is not supported: ", cycle, graph_.rules()[at].name));
  }

  // The states that a rule has with the rules that it uses and that are not kept.
  std::int64_t total_states(std::int64_t largest, std::vector<bool>& kept) const {
    constexpr std::int64_t kMany = std::int64_t{1} << 40;
    Lists written(calls_.size());
    for (std::size_t r = 0; r < calls_.size(); ++r) {
      for (const std::uint32_t callee : calls_[r]) {
        if (!kept[callee]) written[r].push_back(callee);
      }
    }
    std::vector<std::int64_t> sizes(calls_.size());
    std::int64_t total = 0;
    const auto size_of = [&](std::uint32_t r) {
      std::int64_t n = static_cast<std::int64_t>(result_.states[r].size());
      for (const std::uint32_t callee : written[r]) n = std::min(kMany, n + (kept[callee] ? 0 : sizes[callee] + 2));
      return n;
    };
    Lists needs = written;
    for (std::size_t r = 0; r < needs.size(); ++r) {
      if (kept[r]) needs[r].clear();
    }
    for (const std::uint32_t r : order_of(needs)) {
      if (kept[r]) continue;
      sizes[r] = size_of(r);
      kept[r] = r == root_ || sizes[r] > largest;
    }
    for (std::uint32_t r = 0; r < sizes.size(); ++r) {
      if (kept[r]) total = std::min(kMany, total + size_of(r));
    }
    return total;
  }

  // Rules on cycles, and as few others as leave the grammar small enough.
  void choose_kept() {
    Lists users(calls_.size());
    for (std::uint32_t r = 0; r < calls_.size(); ++r) {
      for (const std::uint32_t callee : calls_[r]) users[callee].push_back(r);
    }
    std::vector<bool> cyclic(calls_.size(), true);
    for (const Lists* needs : {&std::as_const(calls_), &std::as_const(users)}) {
      for (const std::uint32_t r : order_of(*needs)) cyclic[r] = false;
    }
    for (std::int64_t largest = graph_.limits().graph_states / 2;; largest /= 16) {
      result_.kept = cyclic;
      result_.kept[root_] = true;
      if (total_states(largest, result_.kept) <= graph_.limits().graph_states / 2 || largest == 0) return;
    }
  }

  const GrammarGraph& graph_;
  std::uint32_t root_;
  RuleAnalysis result_;
  Lists calls_;                       // by rule, the rules that it uses, as often as it does
  std::vector<std::uint32_t> owner_;  // of each state, its rule
  std::vector<std::uint32_t> seen_;
};

}  // namespace

RuleAnalysis analyse_rules(const GrammarGraph& graph, std::uint32_t root) { return Analyser(graph, root).run(); }

}  // namespace ttt
