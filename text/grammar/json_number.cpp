#include "text/grammar/json_number.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;

constexpr std::size_t kMostDigits = 18;

CharSet digit_range(char first, char last) {
  return CharSet::range(static_cast<char32_t>(first), static_cast<char32_t>(last));
}

// (0|[1-9][0-9]{0,17})(.[0-9]{1,18})?
Regular unsigned_numbers(bool integers, const GrammarLimits& limits, std::string_view where) {
  Regular all{GrammarGraph(limits, where)};
  GrammarGraph& graph = all.graph;
  all.begin = graph.state();
  all.end = graph.state();
  const State whole = graph.state();
  graph.set(all.begin, whole, CharSet::of('0'));
  const auto digits = [&](State from, State to, std::size_t least, std::size_t most) {
    for (std::size_t n = 0; n <= most; ++n) {
      if (n >= least) graph.edge(from, to);
      if (n == most) break;
      const State next = graph.state();
      graph.set(from, next, digit_range('0', '9'));
      from = next;
    }
  };
  const State first = graph.state();
  graph.set(all.begin, first, digit_range('1', '9'));
  digits(first, whole, 0, kMostDigits - 1);
  graph.edge(whole, all.end);
  if (integers) return all;
  const State point = graph.state();
  graph.set(whole, point, CharSet::of('.'));
  digits(point, all.end, 1, kMostDigits);
  return all;
}

// Digit sequences with or without a fraction, compared with a bound: those that are less, equal or greater, as `wanted`
// says. A leading zero stands alone.
class Comparison {
 public:
  enum Order : std::size_t { kLess, kEqual, kGreater };

  Comparison(const DecimalBound& bound, const std::array<bool, 3>& wanted, const GrammarLimits& limits,
             std::string_view where)
      : bound_(bound), wanted_(wanted), result_{GrammarGraph(limits, where)} {}

  Regular build() {
    GrammarGraph& graph = result_.graph;
    result_.end = graph.state();
    for (const Order order : {kLess, kGreater}) {
      // Whatever follows, within a fraction.
      decided_[order] = graph.state();
      graph.set(decided_[order], decided_[order], digit_range('0', '9'));
      if (wanted_[order]) graph.edge(decided_[order], result_.end);
    }
    add_fraction();
    add_whole();
    return std::move(result_);
  }

 private:
  // Edges for the digits below, equal to and above one of the bound.
  void compare(State from, char digit, State less, State equal, State greater) {
    GrammarGraph& graph = result_.graph;
    if (digit > '0') graph.set(from, less, digit_range('0', static_cast<char>(digit - 1)));
    graph.set(from, equal, digit_range(digit, digit));
    if (digit < '9') graph.set(from, greater, digit_range(static_cast<char>(digit + 1), '9'));
  }

  // fraction_: after the point, when all before is equal.
  void add_fraction() {
    GrammarGraph& graph = result_.graph;
    State at = graph.state();
    fraction_ = at;
    for (const char digit : bound_.fraction) {
      const State next = graph.state();
      compare(at, digit, decided_[kLess], next, decided_[kGreater]);
      if (wanted_[kLess]) graph.edge(at, result_.end);
      at = next;
    }
    graph.set(at, at, CharSet::of('0'));
    graph.set(at, decided_[kGreater], digit_range('1', '9'));
    if (wanted_[kEqual]) graph.edge(at, result_.end);
  }

  void add_whole() {
    GrammarGraph& graph = result_.graph;
    const State longer = graph.state();
    graph.set(longer, longer, digit_range('0', '9'));
    end_whole(longer, kGreater);
    std::array<State, 3> at{};
    for (State& s : at) s = graph.state();
    result_.begin = at[kEqual];
    for (std::size_t i = 0; i < bound_.whole.size(); ++i) {
      std::array<State, 3> next{};
      for (State& s : next) s = graph.state();
      compare(at[kEqual], bound_.whole[i], next[kLess], next[kEqual], next[kGreater]);
      for (const Order order : {kLess, kGreater}) graph.set(at[order], next[order], digit_range('0', '9'));
      if (i > 0) {
        for (const State s : at) end_whole(s, kLess);  // fewer digits
      }
      at = next;
    }
    for (const Order order : {kLess, kEqual, kGreater}) {
      graph.set(at[order], longer, digit_range('0', '9'));
      end_whole(at[order], order);
    }
  }
  void end_whole(State at, Order order) {
    GrammarGraph& graph = result_.graph;
    if (order == kEqual) {
      graph.set(at, fraction_, CharSet::of('.'));
      if (bound_.fraction.empty() ? wanted_[kEqual] : wanted_[kLess]) graph.edge(at, result_.end);
      return;
    }
    graph.set(at, decided_[order], CharSet::of('.'));
    if (wanted_[order]) graph.edge(at, result_.end);
  }

  const DecimalBound& bound_;
  std::array<bool, 3> wanted_;
  Regular result_;
  std::array<State, 3> decided_{};
  State fraction_ = 0;
};

bool is_zero(const DecimalBound& b) { return b.whole == "0" && b.fraction.empty(); }

}  // namespace

DecimalBound decimal_bound(const Json& number, bool exclusive, std::string_view where) {
  const double value = number.as_number(where);
  require(std::isfinite(value), ErrorKind::kBadData, where, " wanted a finite number");
  std::array<char, 1100> buffer{};
  const auto end = number.is_integer()
                       ? std::to_chars(buffer.data(), buffer.data() + buffer.size(), number.as_integer(where))
                       : std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  std::string_view s(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  DecimalBound bound{.negative = s.starts_with('-'), .exclusive = exclusive};
  if (bound.negative) s.remove_prefix(1);
  const std::size_t point = std::min(s.find('.'), s.size());
  bound.whole = s.substr(0, point);
  if (point < s.size()) bound.fraction = s.substr(point + 1);
  while (bound.fraction.ends_with('0')) bound.fraction.pop_back();
  require(bound.whole.size() <= kMostDigits && bound.fraction.size() <= kMostDigits, ErrorKind::kUnsupported, where,
          " wanted at most ", kMostDigits, " digits before and after the point, got ", number.dump());
  if (is_zero(bound)) bound.negative = false;
  return bound;
}

Regular bounded_numbers(const std::optional<DecimalBound>& least, const std::optional<DecimalBound>& most,
                        bool integers, const GrammarLimits& limits, std::string_view where) {
  Regular result{GrammarGraph(limits, where)};
  result.begin = result.graph.state();
  result.end = result.graph.state();
  // Texts of one sign: `low` and `high` bound what follows it, if they are set.
  const auto add = [&](State from, const DecimalBound* low, const DecimalBound* high) {
    Regular numbers = unsigned_numbers(integers, limits, where);
    if (low != nullptr)
      numbers = intersect(numbers, Comparison(*low, {false, !low->exclusive, true}, limits, where).build());
    if (high != nullptr)
      numbers = intersect(numbers, Comparison(*high, {true, !high->exclusive, false}, limits, where).build());
    std::vector<State> own;
    for (State s = 0; s < numbers.graph.size(); ++s) own.push_back(result.graph.state());
    for (State s = 0; s < numbers.graph.size(); ++s) {
      numbers.graph.each_edge(s, [&](const GrammarGraph::Edge& e) {
        if (e.label == GrammarGraph::Label::kEmpty) return result.graph.edge(own[s], own[e.to]);
        result.graph.set(own[s], own[e.to], numbers.graph.set_at(e.index));
      });
    }
    result.graph.edge(from, own[numbers.begin]);
    result.graph.edge(own[numbers.end], result.end);
  };
  const DecimalBound* low = least ? &*least : nullptr;
  const DecimalBound* high = most ? &*most : nullptr;
  if (high == nullptr || !high->negative) add(result.begin, low != nullptr && !low->negative ? low : nullptr, high);
  if (low == nullptr || low->negative) {
    const State minus = result.graph.state();
    result.graph.set(result.begin, minus, CharSet::of('-'));
    add(minus, high != nullptr && (high->negative || is_zero(*high)) ? high : nullptr, low);
  }
  return result;
}

Regular multiples(std::int64_t divisor, const GrammarLimits& limits, std::string_view where) {
  Regular all{GrammarGraph(limits, where)};
  all.begin = all.graph.state();
  all.graph.set(all.begin, all.begin, CharSet::of('-'));
  // By the remainder of what was read.
  std::vector<State> states;
  for (std::int64_t r = 0; r < divisor; ++r) states.push_back(all.graph.state());
  all.end = states[0];
  for (char digit = '0'; digit <= '9'; ++digit) {
    const CharSet one = CharSet::of(static_cast<char32_t>(digit));
    all.graph.set(all.begin, states[static_cast<std::size_t>((digit - '0') % divisor)], one);
    for (std::int64_t r = 0; r < divisor; ++r) {
      all.graph.set(states[static_cast<std::size_t>(r)],
                    states[static_cast<std::size_t>((10 * r + (digit - '0')) % divisor)], one);
    }
  }
  return all;
}

}  // namespace ttt
