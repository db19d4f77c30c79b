#pragma once

#include "runtime/engine/engine.h"
#include "runtime/runner_config.h"

namespace ttt {

// The runner of an engine. Error{kUsage} naming the first option that is out of range, Error{kUnsupported} for a model
// that does not continue a text, Error{kResources} when the memory does not suffice for one page of the state. On
// several ranks all call it, and have the same result.
RunnerConfig engine_config(const LoadedModel& model, ThreadPool& threads, Communicator& communicator,
                           const EngineOptions& options);

}  // namespace ttt
