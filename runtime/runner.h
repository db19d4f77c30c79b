#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/exec.h"
#include "collectives/communicator.h"
#include "runtime/load.h"
#include "runtime/plan_observer.h"
#include "state/state_pool.h"
#include "state/step_builder.h"

namespace ttt {

struct RunnerConfig {
  std::int64_t sequences = 1;  // at once
  std::int64_t context = 0;    // rows of one sequence, at most
  std::int64_t page_rows = 0;  // 0: one page per sequence
  std::int64_t chunk = 512;    // rows of one step, at most; longer prompts are split
  std::int64_t wanted = 1;     // rows of one step whose logits are wanted, at most
};

// What one step of a model takes, from planning it: no tensor data is touched.
struct StepPlan {
  std::int64_t scratch_bytes = 0;
  double operations = 0, bytes = 0;  // of a step in which every row is new
  std::vector<PlanObserver::Work> places = {};
};
StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::int64_t rows, std::int64_t wanted);

// What a Runner takes, exactly.
struct RunnerMemory {
  std::int64_t state = 0, scratch = 0, logits = 0;  // bytes
  std::vector<std::int64_t> scratch_of_place = {};  // by place; the most that is in use in it, its model's included
};
RunnerMemory plan_runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                         const RunnerConfig& config);

// The memory and the order of calls to run a model step by step: state, scratch and logits, sized once.
class Runner {
 public:
  // `built`, `threads`, `communicator` and `observer` must outlive the runner. Error{kResources} when memory is short.
  Runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, Observer& observer,
         const RunnerConfig& config);

  Sequence create() { return state_.create(); }

  // Adds `ids` (back to back, entry by entry) to their sequences. Logits of `wanted_rows`, row-major
  // [wanted_rows.size(), vocab]; valid until the next call.
  std::span<const float> step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                              std::span<const std::int64_t> wanted_rows);

  // Adds `ids` to one sequence in chunks and returns the logits of the last [vocab].
  std::span<const float> extend(Sequence& sequence, std::span<const std::int32_t> ids);

  // The same; every chunk's logits of the rows from `first_wanted` (index into ids) on are handed to `take` with the
  // index of the first of them, as often as it needs.
  using TakeLogits = std::function<void(std::int64_t first, std::span<const float> logits)>;
  void extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted, const TakeLogits& take);

  std::int64_t vocab() const { return vocab_; }
  const RunnerConfig& config() const { return config_; }
  std::int64_t scratch_bytes() const { return scratch_.capacity(); }
  std::int64_t state_bytes() const { return state_.bytes(); }

 private:
  const BuiltModel& built_;
  RunnerConfig config_;
  std::int64_t vocab_;
  StatePool state_;
  StepBuilder builder_;
  Scratch scratch_;
  Exec exec_;
  std::vector<float> logits_;
  std::vector<std::int64_t> wanted_;
};

}  // namespace ttt
