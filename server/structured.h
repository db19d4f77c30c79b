#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "server/fields.h"
#include "server/served_model.h"
#include "text/grammar/grammar.h"

namespace ttt::server {

struct ChatPrompt;

// Compiled constraints that were used lately, by what they were made from. Any thread; two that ask for the same at the
// same time both compile it.
class ConstraintCache {
 public:
  using Constraint = std::shared_ptr<const TokenConstraint>;
  Constraint get(const std::string& key, const std::function<Constraint()>& make);

 private:
  static constexpr std::size_t kMost = 16;
  std::mutex mutex_;
  std::deque<std::pair<std::string, Constraint>> known_;  // the latest first
};

// What the answer must look like: response_format, structured_outputs, guided_json, guided_regex, guided_choice,
// guided_grammar, and json_schema, grammar and regex, of which there may be one. Null: anything. Compiles it: for the
// workers. ApiException naming the field for what cannot be compiled within the limits.
std::shared_ptr<const TokenConstraint> read_structure(Fields& fields, const ServedModel& model, ConstraintCache& cache);

// Sets the constraint of a chat request: its structure, or calls of the tools where tool_choice wants some. Such an
// answer has no reasoning: all of it is what was asked for, also where the template opens a reasoning.
void constrain(EngineRequest& request, ChatPrompt& prompt, Fields& fields, const ServedModel& model,
               ConstraintCache& cache);

}  // namespace ttt::server
