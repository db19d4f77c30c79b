#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/grammar/automaton.h"
#include "text/grammar/grammar_vocabulary.h"
#include "text/grammar/json_text.h"
#include "text/grammar/token_constraint.h"

namespace ttt {

struct GrammarOptions {
  std::string where = "grammar";         // opens every message
  JsonSpace space = JsonSpace::kSpaced;  // of JSON
  GrammarLimits limits = {};
};

// A language of texts, compiled. What each function reads, and what it refuses, is in docs/structured_output.md; each
// throws Error{kBadData} or Error{kUnsupported} naming the place, and returns or throws within the limits. Copies share
// one automaton, and any number of threads may use it.
class Grammar {
 public:
  explicit Grammar(GrammarAutomaton automaton)
      : automaton_(std::make_shared<const GrammarAutomaton>(std::move(automaton))) {}
  const std::shared_ptr<const GrammarAutomaton>& automaton() const { return automaton_; }
  // Whether a whole text is of the language.
  bool accepts(std::string_view text) const;

 private:
  std::shared_ptr<const GrammarAutomaton> automaton_;
};

// llama.cpp's notation; the rule `root`.
Grammar gbnf_grammar(std::string_view grammar, const GrammarOptions& options = {});
// The texts that match as a whole.
Grammar regex_grammar(std::string_view expression, const GrammarOptions& options = {});
// Any JSON object.
Grammar json_object_grammar(const GrammarOptions& options = {});
// The JSON values that a schema describes.
Grammar json_schema_grammar(const Json& schema, const GrammarOptions& options = {});

// A function that a model may call.
struct Tool {
  std::string name;
  Json parameters;  // a JSON schema of its arguments; null: any object
};

// How a model writes calls: begin, then for each call call_begin NAME name_end ARGUMENTS call_end, with `between`
// between two calls, then end. ARGUMENTS are JSON. For example, in the form of Hermes and Qwen:
//   call_begin = <tool_call>\n{"name": "    name_end = ", "arguments":     call_end = }\n</tool_call>    between = \n
struct ToolCallMarks {
  std::string begin = {}, call_begin = {}, name_end = {}, call_end = {}, between = {}, end = {};
};

struct ToolCallOptions {
  bool several = false;  // calls, rather than one
  // Not empty: a call is optional. The text is free, without this mark, until a call begins with it; then the calls
  // follow, and nothing more. It must be what the calls begin with: a beginning of begin + call_begin.
  std::string trigger = {};
};

// Calls of any of these tools.
Grammar tool_call_grammar(const std::vector<Tool>& tools, const ToolCallMarks& marks, const ToolCallOptions& calls = {},
                          const GrammarOptions& options = {});

constexpr std::int64_t kGrammarCacheBytes = std::int64_t{64} << 20;

// A grammar for the tokens of a vocabulary. `cache_bytes`: masks that are kept at most.
std::shared_ptr<const TokenConstraint> make_constraint(const Grammar& grammar,
                                                       std::shared_ptr<const GrammarVocabulary> vocabulary,
                                                       std::int64_t cache_bytes = kGrammarCacheBytes);

}  // namespace ttt
