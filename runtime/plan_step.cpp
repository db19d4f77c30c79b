#include "runtime/plan_step.h"

#include <algorithm>

#include "base/checked.h"
#include "state/state_pool.h"
#include "state/step_builder.h"

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
  return plan_step(built, threads, communicator, config, entries, shape.wanted);
}

// A source of so many rows: what Runner::encode runs.
StepPlan plan_source(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                     const RunnerConfig& config, std::int64_t rows) {
  const std::span<const StateSpec> slots = built.tree->states;
  const PlannedStep::Entry entry{.rows = rows};
  const PlannedStep planned(slots, pool_config(config, slots), {&entry, 1}, 0, RowsKind::kSource,
                            built.model->input_size());
  return plan_forward(*built.tree, threads, communicator,
                      [&](Exec& exec) { built.model->encode(exec, planned.step()); });
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
  const auto add = [&](const StepPlan& step) {
    memory.scratch = std::max(memory.scratch, step.scratch_bytes);
    for (std::size_t i = 0; i < step.places.size(); ++i) {
      memory.scratch_of_place[i] = std::max(memory.scratch_of_place[i], step.places[i].scratch_bytes);
    }
  };
  const auto count = [&](std::int64_t rows) {
    for (const StepShape& s : worst_steps(config, rows, whole)) add(plan(built, threads, communicator, config, s));
  };
  for (std::int64_t rows = 1; rows < config.chunk; rows *= 2) count(rows);
  count(config.chunk);
  if (config.sequences < config.chunk) count(config.sequences);
  if (!built.model->has_encoder()) return;
  const std::int64_t source = most_source_rows(built.tree->states);
  for (std::int64_t rows = 1; rows < source; rows *= 2) add(plan_source(built, threads, communicator, config, rows));
  add(plan_source(built, threads, communicator, config, source));
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
          .places = observer.costs()};
}

StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::int64_t rows, std::int64_t wanted) {
  const PlannedStep::Entry entry{.rows = rows};
  return plan_step(built, threads, communicator, config, {&entry, 1}, wanted);
}

StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::span<const PlannedStep::Entry> entries, std::int64_t wanted) {
  const std::span<const StateSpec> slots = built.tree->states;
  const Model& model = *built.model;
  const PlannedStep planned(slots, pool_config(config, slots), entries, wanted, RowsKind::kTokens, model.input_size());
  return plan_forward(*built.tree, threads, communicator, [&](Exec& exec) {
    model.forward(exec, planned.step(), view_of(static_cast<float*>(nullptr), {wanted, model.output_size()}));
  });
}

RunnerMemory plan_runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                         const RunnerConfig& wanted) {
  const std::span<const StateSpec> slots = built.tree->states;
  const Model& model = *built.model;
  const RunnerConfig config = checked_config(wanted, slots);
  require(model.max_rows() == 0 || config.context <= model.max_rows(), ErrorKind::kUsage, "a context wanted at most ",
          model.max_rows(), " rows, which the model has positions for, got ", config.context);
  constexpr std::int64_t kBytes = sizeof(float);
  RunnerMemory memory{
      .state = StatePool::bytes(slots, pool_config(config, slots)),
      .logits = checked_mul(checked_mul(config.wanted, model.output_size(), "logits"), kBytes, "logits"),
      .given = StepBuilder::given_bytes(slots, config.chunk, model.input_size())};
  add_scratch(memory, built, threads, communicator, config);
  return memory;
}

}  // namespace ttt
