#pragma once

#include <cstdint>
#include <span>

#include "runtime/plan_step.h"

namespace ttt {

// The longest context, up to `most`, with which runners of all these models (one of each rank) together take no more
// than `available` bytes; 0: not even one row fits. `config`: of each runner, but for its context. `threads`: as many
// as each will have.
std::int64_t longest_context(std::span<const BuiltModel* const> models, ThreadPool& threads, const RunnerConfig& config,
                             std::int64_t most, std::int64_t available);

}  // namespace ttt
