#include "text/grammar/graph.h"

#include <algorithm>

#include "base/error.h"

namespace ttt {

GrammarGraph::State GrammarGraph::state() {
  require(size() < limits_.graph_states, ErrorKind::kBadData, where_, ": the grammar wanted at most ",
          limits_.graph_states, " states with all repetitions written out, got more");
  first_.push_back(kNone);
  return size() - 1;
}

void GrammarGraph::add(State from, Edge edge) {
  constexpr std::int64_t kEdgesOfState = 4;  // on average, at most
  require(static_cast<std::int64_t>(edges_.size()) < kEdgesOfState * limits_.graph_states, ErrorKind::kBadData, where_,
          ": the grammar wanted at most ", kEdgesOfState * limits_.graph_states,
          " edges with all repetitions written out, got more");
  edge.next = first_[from];
  first_[from] = static_cast<std::uint32_t>(edges_.size());
  edges_.push_back(edge);
}

std::uint32_t GrammarGraph::keep(const CharSet& set) {
  constexpr std::size_t kLooked = 16;  // neighbours are often equal
  for (std::size_t i = sets_.size(); i-- > 0 && i + kLooked >= sets_.size();) {
    if (sets_[i] == set) return static_cast<std::uint32_t>(i);
  }
  sets_.push_back(set);
  return static_cast<std::uint32_t>(sets_.size() - 1);
}

void GrammarGraph::set(State from, State to, const CharSet& set) {
  add(from, {.to = to, .index = keep(set), .label = Label::kSet});
}

GrammarGraph::State GrammarGraph::literal(State from, std::string_view text) {
  for (const char c : text) {
    const State to = state();
    bytes(from, to, static_cast<std::uint8_t>(c), static_cast<std::uint8_t>(c));
    from = to;
  }
  return from;
}

std::uint32_t GrammarGraph::add_rule(std::string_view name) {
  require(static_cast<std::int64_t>(rules_.size()) < limits_.rules, ErrorKind::kBadData, where_,
          ": the grammar wanted at most ", limits_.rules, " rules, got more");
  rules_.push_back({.name = std::string(name)});
  return static_cast<std::uint32_t>(rules_.size() - 1);
}

GrammarGraph::Part GrammarGraph::copy(const Part& part) {
  const State by = size() - part.low;
  for (State s = part.low; s < part.high; ++s) state();
  std::vector<Edge> own;
  for (State s = part.low; s < part.high; ++s) {
    own.clear();
    each_edge(s, [&](const Edge& e) { own.push_back(e); });
    for (auto e = own.rbegin(); e != own.rend(); ++e) {
      e->to += by;
      add(s + by, *e);
    }
  }
  return {part.low + by, part.high + by, part.begin + by, part.end + by};
}

GrammarGraph::Part GrammarGraph::repeat(const Part& part, std::int64_t least, std::int64_t most) {
  const std::int64_t copies = std::max<std::int64_t>(most == kUnlimited ? std::max<std::int64_t>(least, 1) : most, 1);
  const auto states = static_cast<std::int64_t>(part.high - part.low) + 1;
  require(copies <= limits_.graph_states / states, ErrorKind::kBadData, where_, ": a repetition wanted at most ",
          limits_.graph_states / states, " times, as the grammar may have ", limits_.graph_states,
          " states with all repetitions written out, got ", copies);
  const State begin = state();
  State at = begin;
  if (most != 0) {
    // The copies are made before the part is joined to others.
    std::vector<Part> all{part};
    while (static_cast<std::int64_t>(all.size()) < copies) all.push_back(copy(part));
    const State end = state();
    for (std::int64_t i = 0; i < copies; ++i) {
      const Part& one = all[static_cast<std::size_t>(i)];
      if (i >= least) edge(at, end);
      edge(at, one.begin);
      at = state();
      edge(one.end, at);
      if (most == kUnlimited && i + 1 == copies) edge(at, one.begin);
    }
    edge(at, end);
    at = end;
  }
  return {part.low, size(), begin, at};
}

}  // namespace ttt
