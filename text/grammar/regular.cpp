#include "text/grammar/regular.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;
using Label = GrammarGraph::Label;

// Makes the states of a product as they are reached.
class Product {
 public:
  explicit Product(GrammarGraph& graph) : graph_(graph) {}

  State state(std::uint64_t a, std::uint64_t b) {
    const auto [at, fresh] = states_.try_emplace(a << 32 | b, 0);
    if (fresh) {
      at->second = graph_.state();
      open_.push_back({static_cast<State>(a), static_cast<State>(b), at->second});
    }
    return at->second;
  }
  struct Reached {
    State a = 0, b = 0, state = 0;
  };
  bool next(Reached& reached) {
    if (open_.empty()) return false;
    reached = open_.back();
    open_.pop_back();
    return true;
  }

 private:
  GrammarGraph& graph_;
  std::unordered_map<std::uint64_t, State> states_;
  std::vector<Reached> open_;
};

// `language` with any characters before and after it.
Regular surrounded(const Regular& language) {
  Regular all = language;
  const CharSet any = all_characters();
  all.begin = all.graph.state();
  all.graph.set(all.begin, all.begin, any);
  all.graph.edge(all.begin, language.begin);
  all.end = all.graph.state();
  all.graph.set(all.end, all.end, any);
  all.graph.edge(language.end, all.end);
  return all;
}

}  // namespace

Regular resolve_assertions(const Regular& given, bool anywhere) {
  const Regular language = anywhere ? surrounded(given) : given;
  Regular result{GrammarGraph(language.graph.limits(), language.graph.where())};
  // Beside the state: whether nothing was read so far, something, or nothing may follow.
  enum Phase : State { kFirst, kInside, kPast };
  Product product(result.graph);
  result.begin = product.state(language.begin, kFirst);
  result.end = result.graph.state();
  for (Product::Reached at; product.next(at);) {
    if (at.a == language.end) result.graph.edge(at.state, result.end);
    language.graph.each_edge(at.a, [&](const GrammarGraph::Edge& e) {
      switch (e.label) {
        case Label::kEmpty:
          result.graph.edge(at.state, product.state(e.to, at.b));
          break;
        case Label::kSet:
          if (at.b != kPast) result.graph.set(at.state, product.state(e.to, kInside), language.graph.set_at(e.index));
          break;
        case Label::kTextBegin:
          // Of an empty text the end is its beginning.
          if (at.b == kFirst) result.graph.edge(at.state, product.state(e.to, kFirst));
          break;
        case Label::kTextEnd:
          result.graph.edge(at.state, product.state(e.to, kPast));
          break;
        default:
          break;
      }
    });
  }
  return result;
}

Regular intersect(const Regular& a, const Regular& b) {
  Regular result{GrammarGraph(a.graph.limits(), a.graph.where())};
  Product product(result.graph);
  result.begin = product.state(a.begin, b.begin);
  result.end = result.graph.state();
  for (Product::Reached at; product.next(at);) {
    if (at.a == a.end && at.b == b.end) result.graph.edge(at.state, result.end);
    a.graph.each_edge(at.a, [&](const GrammarGraph::Edge& e) {
      if (e.label == Label::kEmpty) {
        result.graph.edge(at.state, product.state(e.to, at.b));
        return;
      }
      b.graph.each_edge(at.b, [&](const GrammarGraph::Edge& f) {
        if (f.label != Label::kSet) return;
        CharSet both = a.graph.set_at(e.index);
        both.intersect(b.graph.set_at(f.index));
        if (!both.empty()) result.graph.set(at.state, product.state(e.to, f.to), both);
      });
    });
    b.graph.each_edge(at.b, [&](const GrammarGraph::Edge& f) {
      if (f.label == Label::kEmpty) result.graph.edge(at.state, product.state(at.a, f.to));
    });
  }
  return result;
}

Regular characters(const CharSet& set, std::int64_t least, std::int64_t most, const GrammarLimits& limits,
                   std::string_view where) {
  Regular result{GrammarGraph(limits, where)};
  const State begin = result.graph.state(), end = result.graph.state();
  result.graph.set(begin, end, set);
  const GrammarGraph::Part part = result.graph.repeat(result.graph.part_since(0, begin, end), least, most);
  result.begin = part.begin;
  result.end = part.end;
  return result;
}

Regular all_but(const std::vector<std::string>& texts, const GrammarLimits& limits, std::string_view where) {
  Regular result{GrammarGraph(limits, where)};
  struct Node {
    State state = 0;
    bool is_text = false;
    std::unordered_map<char32_t, std::size_t> next = {};
  };
  std::vector<Node> nodes{{.state = result.graph.state()}};
  for (const std::string& text : texts) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < text.size(); i += utf8_step(text[i])) {
      const auto [child, fresh] = nodes[at].next.try_emplace(utf8_decode(text.data() + i), nodes.size());
      at = child->second;
      if (fresh) nodes.push_back({.state = result.graph.state()});
    }
    nodes[at].is_text = true;
  }
  result.begin = nodes[0].state;
  result.end = result.graph.state();
  const State other = result.graph.state();
  result.graph.set(other, other, all_characters());
  result.graph.edge(other, result.end);
  for (const Node& node : nodes) {
    CharSet rest;
    for (const auto& [c, child] : node.next) {
      rest.add(CharSet::of(c));
      result.graph.set(node.state, nodes[child].state, CharSet::of(c));
    }
    rest.invert();
    result.graph.set(node.state, other, rest);
    if (!node.is_text) result.graph.edge(node.state, result.end);
  }
  return result;
}

void insert(GrammarGraph& graph, State from, State to, const Regular& language, CharacterForm form) {
  std::vector<State> own;
  for (State s = 0; s < language.graph.size(); ++s) own.push_back(graph.state());
  for (State s = 0; s < language.graph.size(); ++s) {
    language.graph.each_edge(s, [&](const GrammarGraph::Edge& e) {
      if (e.label == Label::kEmpty) {
        graph.edge(own[s], own[e.to]);
      } else {
        require(e.label == Label::kSet, ErrorKind::kInternal, "a language wanted its assertions resolved");
        add_characters(graph, own[s], own[e.to], language.graph.set_at(e.index), form);
      }
    });
  }
  graph.edge(from, own[language.begin]);
  graph.edge(own[language.end], to);
}

}  // namespace ttt
