#include "text/grammar/grammar.h"

#include "base/error.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/matcher.h"
#include "text/grammar/regular_expression.h"

namespace ttt {
namespace {

using State = GrammarGraph::State;

std::uint32_t define(GrammarGraph& graph, std::string_view name, State begin, State end) {
  const std::uint32_t rule = graph.add_rule(name);
  graph.at(rule).begin = begin;
  graph.at(rule).end = end;
  return rule;
}

}  // namespace

bool Grammar::accepts(std::string_view text) const {
  GrammarMatcher matcher(*automaton_);
  return matcher.accept(text) && matcher.can_end();
}

Grammar gbnf_grammar(std::string_view grammar, const GrammarOptions& options) {
  GrammarGraph graph(options.limits, options.where);
  const std::uint32_t root = read_gbnf(grammar, graph);
  return Grammar(GrammarAutomaton::compile(graph, root));
}

Grammar regex_grammar(std::string_view expression, const GrammarOptions& options) {
  GrammarGraph graph(options.limits, options.where);
  const State begin = graph.state(), end = graph.state();
  insert(graph, begin, end,
         resolve_assertions(read_regular_expression(expression, options.limits, options.where), false),
         CharacterForm::kPlain);
  return Grammar(GrammarAutomaton::compile(graph, define(graph, "regular expression", begin, end)));
}

Grammar json_object_grammar(const GrammarOptions& options) {
  GrammarGraph graph(options.limits, options.where);
  const State begin = graph.state();
  const State end = JsonText(graph, options.space).any_object(begin);
  return Grammar(GrammarAutomaton::compile(graph, define(graph, "JSON object", begin, end)));
}

Grammar json_schema_grammar(const Json& schema, const GrammarOptions& options) {
  GrammarGraph graph(options.limits, options.where);
  const std::uint32_t root = read_json_schema(schema, graph, options.space);
  return Grammar(GrammarAutomaton::compile(graph, root));
}

}  // namespace ttt
