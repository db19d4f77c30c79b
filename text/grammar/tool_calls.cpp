#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/grammar/grammar.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/regular.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;

// Any text that ends with `mark` and holds it nowhere else, or that does not hold it. By the method of Knuth, Morris
// and Pratt: state n has read so many characters of the mark. `reached`: where the mark ends.
void add_free_text(GrammarGraph& graph, State begin, State end, State reached, const std::u32string& mark) {
  std::vector<State> states{begin};
  while (states.size() < mark.size()) states.push_back(graph.state());
  for (std::size_t n = 0; n < mark.size(); ++n) {
    graph.edge(states[n], end);
    CharSet rest;
    std::vector<char32_t> seen;
    // The longest beginning of the mark that the text ends with once a character of the mark follows.
    for (const char32_t c : mark) {
      if (std::find(seen.begin(), seen.end(), c) != seen.end()) continue;
      seen.push_back(c);
      rest.add(CharSet::of(c));
      const std::u32string text = mark.substr(0, n) + c;
      std::size_t length = text.size();
      while (mark.compare(0, length, text, text.size() - length) != 0) --length;
      add_characters(graph, states[n], length == mark.size() ? reached : states[length], CharSet::of(c),
                     CharacterForm::kPlain);
    }
    rest.invert();
    add_characters(graph, states[n], begin, rest, CharacterForm::kPlain);
  }
}

std::u32string characters_of(std::string_view text, std::string_view where) {
  require(is_valid_utf8(text), ErrorKind::kUsage, where, ": the mark of a tool call wanted valid UTF-8");
  std::u32string all;
  for (std::size_t i = 0; i < text.size(); i += utf8_step(text[i])) all.push_back(utf8_decode(text.data() + i));
  return all;
}

}  // namespace

Grammar tool_call_grammar(const std::vector<Tool>& tools, const ToolCallMarks& marks, const ToolCallOptions& calls,
                          const GrammarOptions& options) {
  require(!tools.empty(), ErrorKind::kUsage, options.where, ": a tool call wanted a tool at least, got none");
  const std::string opening = marks.begin + marks.call_begin;
  require(opening.starts_with(calls.trigger), ErrorKind::kUsage, options.where,
          ": the trigger of tool calls wanted a beginning of ", opening, ", got ", calls.trigger);
  GrammarGraph graph(options.limits, options.where);
  const State root = graph.state(), end = graph.state();
  const State call_begin = graph.state(), call_end = graph.state();
  // The first call, after the trigger if there is one.
  if (calls.trigger.empty()) {
    graph.edge(graph.literal(root, opening), call_begin);
  } else {
    const std::u32string mark = characters_of(calls.trigger, options.where);
    const State reached = graph.state();
    add_free_text(graph, root, end, reached, mark);
    graph.edge(graph.literal(reached, std::string_view(opening).substr(calls.trigger.size())), call_begin);
  }
  for (const Tool& tool : tools) {
    graph.set_where(text(options.where, ": tool ", tool.name));
    const State arguments = graph.literal(graph.literal(call_begin, tool.name), marks.name_end), after = graph.state();
    const Json any(Json::Object{{"type", "object"}});
    graph.rule(arguments, after,
               read_json_schema(tool.parameters.is_null() ? any : tool.parameters, graph, options.space));
    graph.edge(graph.literal(after, marks.call_end), call_end);
  }
  if (calls.several) graph.edge(graph.literal(call_end, marks.between + marks.call_begin), call_begin);
  graph.edge(graph.literal(call_end, marks.end), end);
  const std::uint32_t rule = graph.add_rule("tool calls");
  graph.at(rule).begin = root;
  graph.at(rule).end = end;
  return Grammar(GrammarAutomaton::compile(graph, rule));
}

}  // namespace ttt
