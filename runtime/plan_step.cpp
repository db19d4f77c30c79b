#include "runtime/plan_step.h"

#include <algorithm>

#include "base/checked.h"
#include "state/state_pool.h"

namespace ttt {
namespace {

// A step as it would be: new rows for each of some sequences, at the begin or at the end of the context.
struct StepShape {
  std::vector<std::int64_t> rows = {};
  bool at_end = false;
  std::int64_t wanted = 0;
};

StepPlan plan(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
              const StepShape& shape) {
  std::vector<PlannedStep::Entry> entries;
  for (const std::int64_t rows : shape.rows) {
    entries.push_back({.rows = rows, .past = shape.at_end ? config.context - rows : 0});
  }
  const std::span<const StateSpec> slots = built.tree->states;
  const PlannedStep planned(slots, pool_config(config, slots), entries, shape.wanted);
  return plan_forward(*built.tree, threads, communicator, [&](Exec& exec) {
    built.model->forward(exec, planned.step(),
                         view_of(static_cast<float*>(nullptr), {shape.wanted, built.model->vocab_size()}));
  });
}

// The steps of `rows` rows that take the most scratch: at the end of the context, once with as many sequences of one
// row as there can be (attention keeps partial sums for every such row), and once all in one sequence. Whole sequences
// have no past.
std::vector<StepShape> worst_steps(const RunnerConfig& c, std::int64_t rows, bool whole) {
  const std::int64_t wanted = std::min(rows, c.wanted), singles = std::min(rows, c.sequences) - 1;
  StepShape many{.rows = {}, .at_end = !whole, .wanted = wanted};
  many.rows.assign(static_cast<std::size_t>(singles), 1);
  many.rows.push_back(rows - singles);
  if (singles == 0 || rows > c.context) return {many};
  return {many, {.rows = {rows}, .at_end = !whole, .wanted = wanted}};
}

// Adds the largest scratch of any number of rows: kernels change with it, and not always towards more.
void add_scratch(RunnerMemory& memory, const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                 const RunnerConfig& config) {
  memory.scratch_of_place.resize(static_cast<std::size_t>(built.tree->places.size()));
  const bool whole = whole_sequences(built.tree->states);
  const auto count = [&](std::int64_t rows) {
    for (const StepShape& s : worst_steps(config, rows, whole)) {
      const StepPlan step = plan(built, threads, communicator, config, s);
      memory.scratch = std::max(memory.scratch, step.scratch_bytes);
      for (std::size_t i = 0; i < step.places.size(); ++i) {
        memory.scratch_of_place[i] = std::max(memory.scratch_of_place[i], step.places[i].scratch_bytes);
      }
    }
  };
  for (std::int64_t rows = 1; rows < config.chunk; rows *= 2) count(rows);
  count(config.chunk);
  if (config.sequences < config.chunk) count(config.sequences);
}

}  // namespace

StepPlan plan_forward(const ModelTree& tree, ThreadPool& threads, Communicator& communicator,
                      const std::function<void(Exec&)>& forward) {
  Scratch scratch = Scratch::planned();
  PlanObserver observer(static_cast<std::int64_t>(tree.places.size()), scratch);
  Exec exec(threads, scratch, communicator, observer, Exec::Mode::kPlan);
  forward(exec);
  return {.scratch_bytes = observer.scratch_bytes(),
          .operations = observer.operations(),
          .bytes = observer.bytes(),
          .places = observer.work()};
}

StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::int64_t rows, std::int64_t wanted) {
  return plan(built, threads, communicator, config, {.rows = {rows}, .wanted = wanted});
}

RunnerMemory plan_runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                         const RunnerConfig& wanted) {
  const std::span<const StateSpec> slots = built.tree->states;
  const RunnerConfig config = checked_config(wanted, slots);
  constexpr std::int64_t kBytes = sizeof(float);
  RunnerMemory memory{
      .state = StatePool::bytes(slots, pool_config(config, slots)),
      .logits = checked_mul(checked_mul(config.wanted, built.model->vocab_size(), "logits"), kBytes, "logits")};
  add_scratch(memory, built, threads, communicator, config);
  return memory;
}

}  // namespace ttt
