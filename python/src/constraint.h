#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "python/src/model.h"
#include "text/grammar/token_constraint.h"

namespace ttt::python {

// What a generation must keep to: "json", "schema", "regex" or "grammar", with its value. May take long; without the
// interpreter's lock. Errors are those of text/grammar/grammar.h.
std::shared_ptr<const TokenConstraint> constraint_of(PyModel& model, const std::string& kind, const Json& value);

}  // namespace ttt::python
