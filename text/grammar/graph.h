#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/char_set.h"
#include "text/grammar/grammar_limits.h"

namespace ttt {

// A grammar while it is read: a nondeterministic automaton for each rule, in one graph. An edge takes nothing, a byte
// of a range, a character of a set, a text of another rule, or stands for an assertion of a regular expression.
class GrammarGraph {
 public:
  using State = std::uint32_t;
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  static constexpr std::int64_t kUnlimited = -1;

  enum class Label : std::uint8_t { kEmpty, kBytes, kSet, kRule, kTextBegin, kTextEnd };
  struct Edge {
    State to = 0;
    std::uint32_t next = kNone;  // edge of the same state
    std::uint32_t index = 0;     // kSet: of the set; kRule: of the rule
    Label label = Label::kEmpty;
    std::uint8_t first = 0, last = 0;  // kBytes
  };
  struct Rule {
    std::string name;
    State begin = kNone, end = kNone;
  };
  // The states [low, high), whose edges stay among them: what can be repeated by copying.
  struct Part {
    State low = 0, high = 0;
    State begin = 0, end = 0;
  };

  // `where` opens the messages of limits that are exceeded.
  GrammarGraph(const GrammarLimits& limits, std::string_view where) : limits_(limits), where_(where) {}

  State state();
  void edge(State from, State to) { add(from, {.to = to}); }
  void bytes(State from, State to, std::uint8_t first, std::uint8_t last) {
    add(from, {.to = to, .label = Label::kBytes, .first = first, .last = last});
  }
  void set(State from, State to, const CharSet& set);
  void rule(State from, State to, std::uint32_t rule) { add(from, {.to = to, .index = rule, .label = Label::kRule}); }
  void assertion(State from, State to, Label label) { add(from, {.to = to, .label = label}); }
  // Reads exactly these bytes; returns where that ends.
  State literal(State from, std::string_view bytes);

  // A rule, to be defined by its begin and end.
  std::uint32_t add_rule(std::string_view name);
  Rule& at(std::uint32_t rule) { return rules_[rule]; }
  const std::vector<Rule>& rules() const { return rules_; }

  // Parts are made of what was added since `low`; the state `begin` must be among it.
  Part part_since(State low, State begin, State end) const { return {low, size(), begin, end}; }
  // `part`, which must have been added last, repeated. kUnlimited: any number of times from `least` on.
  Part repeat(const Part& part, std::int64_t least, std::int64_t most);

  State size() const { return static_cast<State>(first_.size()); }
  std::uint32_t first_edge(State state) const { return first_[state]; }
  const Edge& edge_at(std::uint32_t i) const { return edges_[i]; }
  template <class Visit>
  void each_edge(State state, const Visit& visit) const {
    for (std::uint32_t i = first_[state]; i != kNone; i = edges_[i].next) visit(edges_[i]);
  }
  const CharSet& set_at(std::uint32_t i) const { return sets_[i]; }
  std::uint32_t keep(const CharSet& set);
  void add(State from, Edge edge);

  const GrammarLimits& limits() const { return limits_; }
  const std::string& where() const { return where_; }
  void set_where(std::string_view where) { where_ = where; }

 private:
  Part copy(const Part& part);

  GrammarLimits limits_;
  std::string where_;
  std::vector<std::uint32_t> first_;  // edge of each state
  std::vector<Edge> edges_;
  std::vector<CharSet> sets_;
  std::vector<Rule> rules_;
};

}  // namespace ttt
