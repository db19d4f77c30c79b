#pragma once

#include <memory>

#include "server/fields.h"
#include "server/served_model.h"
#include "text/grammar/token_constraint.h"

namespace ttt::server {

struct ChatPrompt;

// What the answer must look like: response_format, structured_outputs, guided_json, guided_regex, guided_choice,
// guided_grammar, and json_schema, grammar and regex, of which there may be one. Null: anything. Compiles it: for the
// workers. ApiException naming the field for what cannot be compiled within the limits.
std::shared_ptr<const TokenConstraint> read_structure(Fields& fields, const ServedModel& model);

// Sets the constraint of a chat request: its structure, or calls of the tools where tool_choice wants some. Such an
// answer has no reasoning: all of it is what was asked for, also where the template opens a reasoning.
void constrain(EngineRequest& request, ChatPrompt& prompt, Fields& fields, const ServedModel& model);

}  // namespace ttt::server
