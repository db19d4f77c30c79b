#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "collectives/communicator.h"
#include "runtime/load.h"
#include "runtime/plan_observer.h"
#include "runtime/runner_config.h"
#include "state/planned_step.h"

namespace ttt {

// Memory and cost of one step, by planning it: no tensor data is touched.
struct StepPlan {
  std::int64_t scratch_bytes = 0;
  double operations = 0, bytes = 0;
  std::vector<PlanObserver::Cost> places = {};  // by place
};

// Of any forward over blocks that were recorded in `tree`: it is called once, with an Exec that plans. `threads`: as
// many as will run it, because scratch depends on their number.
StepPlan plan_forward(const ModelTree& tree, ThreadPool& threads, Communicator& communicator,
                      const std::function<void(Exec&)>& forward);

// Of a step of a model in which one sequence begins with `rows` rows, the last `wanted` of which have outputs.
StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::int64_t rows, std::int64_t wanted);
// Of a step with these entries, the last `wanted` rows of which have outputs. The context of `config` holds them.
StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::span<const PlannedStep::Entry> entries, std::int64_t wanted);

// The exact memory of a Runner.
struct RunnerMemory {
  std::int64_t state = 0, scratch = 0, logits = 0,
               given = 0;                           // bytes; logits: the outputs; given: input rows instead of ids
  std::vector<std::int64_t> scratch_of_place = {};  // by place; the most that is in use in it, its model's included

  std::int64_t total() const { return state + scratch + logits + given; }
};
// The memory of a run, for planning, for loading and for the Runner itself. Takes no more time for a long context than
// for a short one.
RunnerMemory plan_runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                         const RunnerConfig& config);

}  // namespace ttt
