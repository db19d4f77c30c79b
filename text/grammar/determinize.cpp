#include "text/grammar/determinize.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text_table.h"

namespace ttt {
namespace {

using Label = GrammarGraph::Label;

struct Move {
  enum Kind : std::uint8_t { kBytes, kCall } kind = kBytes;
  std::uint8_t first = 0, last = 0;
  std::uint32_t rule = 0;
  std::uint32_t to = 0;
};

// A rule and all that is written out in it, as one automaton without calls of other rules than kept ones.
struct FlatRule {
  std::vector<std::vector<std::uint32_t>> empties;
  std::vector<std::vector<Move>> moves;
  std::uint32_t begin = 0, end = 0;

  std::uint32_t state() {
    empties.emplace_back();
    moves.emplace_back();
    return static_cast<std::uint32_t>(moves.size() - 1);
  }
};

FlatRule flatten(const GrammarGraph& graph, const RuleAnalysis& rules, std::uint32_t rule,
                 std::vector<std::uint32_t>& copy_of) {
  FlatRule flat;
  struct Use {
    std::uint32_t rule, begin, end;
  };
  flat.begin = flat.state();
  flat.end = flat.state();
  std::vector<Use> open{{rule, flat.begin, flat.end}};
  copy_of.resize(graph.size(), GrammarGraph::kNone);
  while (!open.empty()) {
    const Use use = open.back();
    open.pop_back();
    for (const GrammarGraph::State s : rules.states[use.rule]) copy_of[s] = flat.state();
    require(static_cast<std::int64_t>(flat.moves.size()) <= 2 * graph.limits().graph_states, ErrorKind::kBadData,
            graph.where(), ": the grammar wanted at most ", graph.limits().graph_states,
            " states with its rules written out, got more");
    const GrammarGraph::Rule& own = graph.rules()[use.rule];
    flat.empties[use.begin].push_back(copy_of[own.begin]);
    if (copy_of[own.end] != GrammarGraph::kNone) flat.empties[copy_of[own.end]].push_back(use.end);
    for (const GrammarGraph::State s : rules.states[use.rule]) {
      graph.each_edge(s, [&](const GrammarGraph::Edge& e) {
        const std::uint32_t from = copy_of[s], to = copy_of[e.to];
        if (e.label == Label::kEmpty) {
          flat.empties[from].push_back(to);
        } else if (e.label == Label::kBytes) {
          flat.moves[from].push_back({.kind = Move::kBytes, .first = e.first, .last = e.last, .to = to});
        } else if (!rules.productive[e.index]) {
          return;
        } else if (rules.kept[e.index]) {
          flat.moves[from].push_back({.kind = Move::kCall, .rule = e.index, .to = to});
          if (rules.nullable[e.index]) flat.empties[from].push_back(to);
        } else {
          open.push_back({e.index, from, to});
        }
      });
    }
    for (const GrammarGraph::State s : rules.states[use.rule]) copy_of[s] = GrammarGraph::kNone;
  }
  return flat;
}

class SubsetConstruction {
 public:
  SubsetConstruction(const FlatRule& flat, CompileWork& work, const GrammarGraph& graph)
      : flat_(flat), work_(work), graph_(graph), seen_(flat.moves.size(), 0) {}

  DeterministicRule run() {
    node_of({flat_.begin});
    for (std::size_t i = 0; i < result_.nodes.size(); ++i) {
      add_bytes(i);
      add_calls(i);
    }
    return std::move(result_);
  }

 private:
  void spend(std::size_t steps) {
    work_.steps -= static_cast<std::int64_t>(steps);
    require(work_.steps >= 0, ErrorKind::kBadData, graph_.where(), ": the grammar wanted at most ",
            graph_.limits().steps, " steps of compilation, got more");
  }

  // The states that the given ones reach by taking nothing, as far as they matter; sorted.
  void close(std::vector<std::uint32_t>& states) {
    ++round_;
    std::vector<std::uint32_t>& open = states;
    kept_.clear();
    for (const std::uint32_t s : open) seen_[s] = round_;
    for (std::size_t i = 0; i < open.size(); ++i) {
      const std::uint32_t s = open[i];
      if (!flat_.moves[s].empty() || s == flat_.end) kept_.push_back(s);
      for (const std::uint32_t to : flat_.empties[s]) {
        if (seen_[to] == round_) continue;
        seen_[to] = round_;
        open.push_back(to);
      }
    }
    spend(open.size());
    std::sort(kept_.begin(), kept_.end());
    states = kept_;
  }

  std::uint32_t node_of(std::vector<std::uint32_t> states) {
    std::sort(states.begin(), states.end());
    states.erase(std::unique(states.begin(), states.end()), states.end());
    close(states);
    const std::string key(reinterpret_cast<const char*>(states.data()), states.size() * sizeof(std::uint32_t));
    const auto [at, fresh] = ids_.try_emplace(key, static_cast<std::uint32_t>(result_.nodes.size()));
    if (!fresh) return at->second;
    require(--work_.states >= 0, ErrorKind::kBadData, graph_.where(), ": the grammar wanted at most ",
            graph_.limits().states, " states of its automaton, got more");
    result_.nodes.push_back({.accepts = std::binary_search(states.begin(), states.end(), flat_.end)});
    members_.push_back(std::move(states));
    return at->second;
  }

  void add_bytes(std::size_t node) {
    std::vector<Move> moves;
    std::vector<unsigned> cuts;
    for (const std::uint32_t s : members_[node]) {
      for (const Move& m : flat_.moves[s]) {
        if (m.kind != Move::kBytes) continue;
        moves.push_back(m);
        cuts.push_back(m.first);
        cuts.push_back(m.last + 1u);
      }
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    spend(moves.size() * cuts.size() / 8);
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      std::vector<std::uint32_t> to;
      for (const Move& m : moves) {
        if (m.first <= cuts[i] && cuts[i] <= m.last) to.push_back(m.to);
      }
      if (to.empty()) continue;
      const auto first = static_cast<std::uint8_t>(cuts[i]), last = static_cast<std::uint8_t>(cuts[i + 1] - 1);
      const std::uint32_t id = node_of(std::move(to));
      std::vector<DeterministicRule::ByteEdge>& edges = result_.nodes[node].bytes;
      if (!edges.empty() && edges.back().to == id && edges.back().last + 1 == first) {
        edges.back().last = last;
      } else {
        edges.push_back({first, last, id});
      }
    }
  }

  void add_calls(std::size_t node) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> calls;  // rule, to
    for (const std::uint32_t s : members_[node]) {
      for (const Move& m : flat_.moves[s]) {
        if (m.kind == Move::kCall) calls.emplace_back(m.rule, m.to);
      }
    }
    std::sort(calls.begin(), calls.end());
    for (std::size_t i = 0; i < calls.size();) {
      const std::uint32_t rule = calls[i].first;
      std::vector<std::uint32_t> to;
      for (; i < calls.size() && calls[i].first == rule; ++i) to.push_back(calls[i].second);
      const std::uint32_t id = node_of(std::move(to));
      result_.nodes[node].calls.push_back({rule, id});
    }
  }

  const FlatRule& flat_;
  CompileWork& work_;
  const GrammarGraph& graph_;
  DeterministicRule result_;
  std::vector<std::vector<std::uint32_t>> members_;  // of each node
  TextTable<std::uint32_t, std::string> ids_;        // of sets that the author of a grammar can choose
  std::vector<std::uint32_t> seen_, kept_;
  std::uint32_t round_ = 0;
};

// Drops the nodes from which the end cannot be reached. The first stays.
DeterministicRule trimmed(const DeterministicRule& rule) {
  std::vector<std::vector<std::uint32_t>> before(rule.nodes.size());
  std::vector<bool> ends(rule.nodes.size());
  std::vector<std::uint32_t> open;
  for (std::uint32_t n = 0; n < rule.nodes.size(); ++n) {
    for (const auto& e : rule.nodes[n].bytes) before[e.to].push_back(n);
    for (const auto& c : rule.nodes[n].calls) before[c.to].push_back(n);
    ends[n] = rule.nodes[n].accepts;
    if (ends[n]) open.push_back(n);
  }
  while (!open.empty()) {
    const std::uint32_t n = open.back();
    open.pop_back();
    for (const std::uint32_t b : before[n]) {
      if (!ends[b]) open.push_back(b);
      ends[b] = true;
    }
  }
  ends[0] = true;
  std::vector<std::uint32_t> ids(rule.nodes.size());
  std::uint32_t count = 0;
  for (std::size_t n = 0; n < ids.size(); ++n) ids[n] = ends[n] ? count++ : 0;
  DeterministicRule kept;
  for (std::size_t n = 0; n < ids.size(); ++n) {
    if (!ends[n]) continue;
    DeterministicRule::Node& node = kept.nodes.emplace_back();
    node.accepts = rule.nodes[n].accepts;
    for (const auto& e : rule.nodes[n].bytes) {
      if (ends[e.to]) node.bytes.push_back({e.first, e.last, ids[e.to]});
    }
    for (const auto& c : rule.nodes[n].calls) {
      if (ends[c.to]) node.calls.push_back({c.rule, ids[c.to]});
    }
  }
  return kept;
}

}  // namespace

DeterministicRule determinize(const GrammarGraph& graph, const RuleAnalysis& rules, std::uint32_t rule,
                              CompileWork& work) {
  const FlatRule flat = flatten(graph, rules, rule, work.copy_of);
  return trimmed(SubsetConstruction(flat, work, graph).run());
}

}  // namespace ttt
