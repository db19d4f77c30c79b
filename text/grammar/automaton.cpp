#include "text/grammar/automaton.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "text/grammar/determinize.h"

namespace ttt {

// Joins the automata of the rules: every state gets, for each byte, the states of its own rule and of the rules that
// are called there.
class AutomatonCompiler {
 public:
  using State = GrammarAutomaton::State;

  AutomatonCompiler(const GrammarGraph& graph, std::uint32_t root)
      : graph_(graph),
        root_(root),
        rules_(analyse_rules(graph, root)),
        work_{.states = graph.limits().states, .steps = graph.limits().steps} {}

  GrammarAutomaton run() {
    require(rules_.productive[root_], ErrorKind::kBadData, graph_.where(), ": the rule ", graph_.rules()[root_].name,
            " wanted a text of finite length that it accepts, has none");
    determinize_rules();
    starts_.resize(parts_.size());
    for (const std::uint32_t r : rules_.left_order) {
      if (!parts_[r].nodes.empty()) starts_[r] = moves_of(r, parts_[r].nodes[0]);
    }
    for (std::uint32_t r = 0; r < parts_.size(); ++r) {
      for (const DeterministicRule::Node& node : parts_[r].nodes) add_row(moves_of(r, node));
    }
    result_.begin_ = offsets_[root_];
    return std::move(result_);
  }

 private:
  // A byte range with one place that it leads to.
  struct Move {
    std::uint8_t first = 0, last = 0;
    State to = 0;
    std::vector<State> pushes = {};
  };

  void spend(std::size_t steps) {
    work_.steps -= static_cast<std::int64_t>(steps);
    require(work_.steps >= 0, ErrorKind::kBadData, graph_.where(), ": the grammar wanted at most ",
            graph_.limits().steps, " steps of compilation, got more");
  }

  void determinize_rules() {
    parts_.resize(graph_.rules().size());
    offsets_.resize(parts_.size());
    std::vector<std::uint32_t> open{root_};
    std::vector<bool> seen(parts_.size());
    seen[root_] = true;
    while (!open.empty()) {
      const std::uint32_t r = open.back();
      open.pop_back();
      parts_[r] = determinize(graph_, rules_, r, work_);
      for (const auto& node : parts_[r].nodes) {
        for (const auto& call : node.calls) {
          if (!seen[call.rule]) open.push_back(call.rule);
          seen[call.rule] = true;
        }
      }
    }
    State count = 0;
    for (std::size_t r = 0; r < parts_.size(); ++r) {
      offsets_[r] = count;
      count += static_cast<State>(parts_[r].nodes.size());
      for (const auto& node : parts_[r].nodes) result_.accepts_.push_back(node.accepts);
    }
  }

  std::vector<Move> moves_of(std::uint32_t rule, const DeterministicRule::Node& node) {
    std::vector<Move> moves;
    for (const auto& e : node.bytes) moves.push_back({e.first, e.last, offsets_[rule] + e.to});
    for (const auto& call : node.calls) {
      const DeterministicRule::Node& after = parts_[rule].nodes[call.to];
      const bool returns = !(after.accepts && after.bytes.empty() && after.calls.empty());
      for (const Move& inner : starts_[call.rule]) {
        spend(16 + inner.pushes.size());
        Move& move = moves.emplace_back(inner);
        // Where the rule that calls ends with the call there is nothing to return to.
        if (returns) move.pushes.insert(move.pushes.begin(), offsets_[rule] + call.to);
      }
    }
    return moves;
  }

  void add_row(const std::vector<Move>& moves) {
    std::vector<GrammarAutomaton::Edge>& edges = result_.edges_;
    GrammarAutomaton::Row row{.first = static_cast<std::uint32_t>(edges.size())};
    std::vector<unsigned> cuts;
    for (const Move& m : moves) {
      cuts.push_back(m.first);
      cuts.push_back(m.last + 1u);
    }
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    spend(moves.size() * cuts.size() / 16);
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      std::vector<const Move*> here;
      for (const Move& m : moves) {
        if (m.first <= cuts[i] && cuts[i] <= m.last) here.push_back(&m);
      }
      if (here.empty()) continue;
      const auto first = static_cast<std::uint8_t>(cuts[i]), last = static_cast<std::uint8_t>(cuts[i + 1] - 1);
      const std::uint32_t value = value_of(here);
      if (edges.size() > row.first && edges.back().value == value && edges.back().last + 1 == first) {
        edges.back().last = last;
      } else {
        edges.push_back({first, last, value});
      }
    }
    row.last = static_cast<std::uint32_t>(edges.size());
    add_dense(row);
    result_.rows_.push_back(row);
  }

  void add_dense(GrammarAutomaton::Row& row) {
    constexpr std::size_t kMost = std::size_t{1} << 14, kFewEdges = 4;  // 16 MiB
    if (row.last - row.first <= kFewEdges || result_.dense_.size() >= kMost) return;
    row.dense = static_cast<std::uint32_t>(result_.dense_.size());
    auto& bytes = result_.dense_.emplace_back();
    bytes.fill(GrammarAutomaton::kDead);
    for (std::uint32_t i = row.first; i < row.last; ++i) {
      const GrammarAutomaton::Edge& e = result_.edges_[i];
      std::fill(bytes.begin() + e.first, bytes.begin() + e.last + 1, e.value);
    }
  }

  std::uint32_t value_of(const std::vector<const Move*>& moves) {
    if (moves.size() == 1 && moves[0]->pushes.empty()) return moves[0]->to;
    std::vector<State> key;
    for (const Move* m : moves) {
      key.push_back(m->to);
      key.push_back(static_cast<State>(m->pushes.size()));
      key.insert(key.end(), m->pushes.begin(), m->pushes.end());
    }
    const auto [at, fresh] = many_.try_emplace(std::move(key), static_cast<std::uint32_t>(result_.many_.size()));
    if (fresh) {
      result_.many_.push_back(
          {static_cast<std::uint32_t>(result_.options_.size()), static_cast<std::uint32_t>(moves.size())});
      for (const Move* m : moves) {
        result_.options_.push_back(
            {m->to, static_cast<std::uint32_t>(result_.pushes_.size()), static_cast<std::uint32_t>(m->pushes.size())});
        result_.pushes_.insert(result_.pushes_.end(), m->pushes.begin(), m->pushes.end());
      }
    }
    return at->second | GrammarAutomaton::kMany;
  }

  const GrammarGraph& graph_;
  std::uint32_t root_;
  RuleAnalysis rules_;
  CompileWork work_;
  std::vector<DeterministicRule> parts_;  // by rule; empty where it is not used
  std::vector<State> offsets_;            // by rule, of its states
  std::vector<std::vector<Move>> starts_;
  std::map<std::vector<State>, std::uint32_t> many_;
  GrammarAutomaton result_;
};

GrammarAutomaton GrammarAutomaton::compile(const GrammarGraph& graph, std::uint32_t root) {
  return AutomatonCompiler(graph, root).run();
}

std::int64_t GrammarAutomaton::bytes() const {
  return static_cast<std::int64_t>(rows_.size() * sizeof(Row) + edges_.size() * sizeof(Edge) + accepts_.size() / 8 +
                                   dense_.size() * sizeof(dense_[0]) + options_.size() * sizeof(Option) +
                                   (many_.size() * sizeof(Options)) + pushes_.size() * sizeof(State));
}

}  // namespace ttt
