#include "runtime/runner.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "runtime/numerical_error.h"
#include "runtime/plan_observer.h"

namespace ttt {
namespace {

StatePoolConfig pool_config(const RunnerConfig& c) {
  return {
      .sequences = c.sequences, .context = c.context, .page_rows = c.page_rows, .chunk = std::min(c.chunk, c.context)};
}

// A step as it would be: `rows` new rows for each of some sequences, at the begin or at the end of the context.
struct PlannedStep {
  std::vector<std::int64_t> rows = {};
  bool at_end = false;
  std::int64_t wanted = 0;
};

StepPlan plan(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
              const PlannedStep& planned) {
  StatePool state(built.tree->states,
                  {.sequences = config.sequences, .context = config.context, .page_rows = config.page_rows},
                  Buffer::Access::kReserved);
  const std::int64_t rows = std::accumulate(planned.rows.begin(), planned.rows.end(), std::int64_t{0});
  const std::int64_t most = std::max(rows, config.context);
  StepBuilder builder(state, most, config.sequences);
  Scratch scratch = Scratch::planned();
  PlanObserver observer(built.tree->places.size(), scratch);
  Exec exec(threads, scratch, communicator, observer, Exec::Mode::kPlan);
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(most), 0);
  const auto first = [&](std::int64_t n) { return std::span(ids).first(static_cast<std::size_t>(n)); };
  std::vector<Sequence> sequences;
  std::vector<StepEntry> entries;
  for (std::size_t i = 0; i < planned.rows.size(); ++i) sequences.push_back(state.create());
  for (std::size_t i = 0; i < planned.rows.size(); ++i) {
    const StepEntry past{.sequence = &sequences[i], .rows = planned.at_end ? config.context - planned.rows[i] : 0};
    builder.prepare({&past, 1}, first(past.rows));
    builder.commit();
    entries.push_back({.sequence = &sequences[i], .rows = planned.rows[i]});
  }
  std::vector<std::int64_t> wanted_rows(static_cast<std::size_t>(planned.wanted));
  std::iota(wanted_rows.begin(), wanted_rows.end(), rows - planned.wanted);
  const Step step = builder.prepare(entries, first(rows), wanted_rows);
  built.model->forward(exec, step, view_of(static_cast<float*>(nullptr), {planned.wanted, built.model->vocab_size()}));
  return {.scratch_bytes = observer.scratch_bytes(),
          .operations = observer.operations(),
          .bytes = observer.bytes(),
          .places = observer.work()};
}

// The steps of `rows` rows that take the most scratch: at the end of the context, once with as many sequences of one
// row as there can be (attention keeps partial sums for every such row), and once all in one sequence.
std::vector<PlannedStep> worst_steps(const RunnerConfig& c, std::int64_t rows) {
  const std::int64_t wanted = std::min(rows, c.wanted), singles = std::min(rows, c.sequences) - 1;
  PlannedStep many{.rows = {}, .at_end = true, .wanted = wanted};
  many.rows.assign(static_cast<std::size_t>(singles), 1);
  many.rows.push_back(rows - singles);
  if (singles == 0 || rows > c.context) return {many};
  return {many, {.rows = {rows}, .at_end = true, .wanted = wanted}};
}

// Adds the largest scratch of any number of rows: kernels change with it, and not always towards more.
void add_scratch(RunnerMemory& memory, const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                 const RunnerConfig& config) {
  memory.scratch_of_place.resize(static_cast<std::size_t>(built.tree->places.size()));
  const auto count = [&](std::int64_t rows) {
    for (const PlannedStep& s : worst_steps(config, rows)) {
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

RunnerConfig checked(RunnerConfig c) {
  require(c.context > 0 && c.chunk > 0 && c.sequences > 0 && c.wanted > 0, ErrorKind::kUsage,
          "a runner wanted positive context, chunk, sequences and wanted rows, got ", c.context, ", ", c.chunk, ", ",
          c.sequences, ", ", c.wanted);
  c.chunk = std::max(std::min(c.chunk, c.context), c.sequences);
  c.wanted = std::min(c.wanted, c.chunk);
  return c;
}

}  // namespace

StepPlan plan_step(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, const RunnerConfig& config,
                   std::int64_t rows, std::int64_t wanted) {
  return plan(built, threads, communicator, config, {.rows = {rows}, .wanted = wanted});
}

RunnerMemory plan_runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                         const RunnerConfig& wanted) {
  const RunnerConfig config = checked(wanted);
  constexpr std::int64_t kBytes = sizeof(float);
  RunnerMemory memory{
      .state = StatePool::bytes(built.tree->states, pool_config(config)),
      .logits = checked_mul(checked_mul(config.wanted, built.model->vocab_size(), "logits"), kBytes, "logits")};
  add_scratch(memory, built, threads, communicator, config);
  return memory;
}

Runner::Runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, Observer& observer,
               const RunnerConfig& config)
    : built_(built),
      config_(checked(config)),
      vocab_(built.model->vocab_size()),
      state_(built.tree->states, pool_config(config_)),
      builder_(state_, config_.chunk, config_.sequences),
      scratch_(plan_runner(built, threads, communicator, config_).scratch),
      exec_(threads, scratch_, communicator, observer),
      logits_(static_cast<std::size_t>(checked_mul(config_.wanted, vocab_, "logits"))) {
  wanted_.reserve(static_cast<std::size_t>(config_.wanted));
}

std::span<const float> Runner::step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                                    std::span<const std::int64_t> wanted_rows) {
  const std::int64_t wanted = static_cast<std::int64_t>(wanted_rows.size());
  require(wanted <= config_.wanted, ErrorKind::kInternal, "a step wanted logits of at most ", config_.wanted,
          " rows, got ", wanted);
  for (const std::int64_t row : wanted_rows) {
    require(row >= 0 && row < static_cast<std::int64_t>(ids.size()), ErrorKind::kInternal, "a step of ", ids.size(),
            " rows wanted logits of row ", row);
  }
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < vocab_, ErrorKind::kBadData, "token id wanted 0 to ", vocab_ - 1, ", got ", id);
  }
  const Step step = builder_.prepare(entries, ids, wanted_rows);
  built_.model->forward(exec_, step, view_of(logits_.data(), {wanted, vocab_}));
  const std::span<const float> logits = std::span(logits_).first(static_cast<std::size_t>(wanted * vocab_));
  require_numbers(logits, vocab_);
  builder_.commit();
  return logits;
}

std::span<const float> Runner::extend(Sequence& sequence, std::span<const std::int32_t> ids) {
  require(!ids.empty(), ErrorKind::kUsage, "a prompt wanted at least one token, got none");
  std::span<const float> logits;
  extend(sequence, ids, static_cast<std::int64_t>(ids.size()) - 1,
         [&](std::int64_t, std::span<const float> rows) { logits = rows; });
  return logits;
}

void Runner::extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted,
                    const TakeLogits& take) {
  const std::int64_t rows = static_cast<std::int64_t>(ids.size()), room = config_.context - sequence.length();
  require(rows <= room, ErrorKind::kUsage, "a sequence of ", sequence.length(), " tokens in a context of ",
          config_.context, " wanted at most ", room, " more, got ", rows);
  for (std::int64_t begin = 0; begin < rows;) {
    std::int64_t count = std::min(config_.chunk, rows - begin);
    // A chunk ends early rather than want more logits than there is room for.
    if (first_wanted < begin + count)
      count = std::min(count, std::max(first_wanted - begin, std::int64_t{0}) + config_.wanted);
    const std::int64_t from = std::min(std::max(first_wanted - begin, std::int64_t{0}), count);
    wanted_.resize(static_cast<std::size_t>(count - from));
    std::iota(wanted_.begin(), wanted_.end(), from);
    const StepEntry entry{.sequence = &sequence, .rows = count};
    const auto chunk = ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count));
    const std::span<const float> logits = step({&entry, 1}, chunk, wanted_);
    if (from < count) take(begin + from, logits);
    begin += count;
  }
}

}  // namespace ttt
