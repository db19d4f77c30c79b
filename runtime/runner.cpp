#include "runtime/runner.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "runtime/plan_observer.h"

namespace ttt {
namespace {

StatePoolConfig pool_config(const RunnerConfig& c) {
  return {.sequences = c.sequences, .context = c.context, .page_rows = c.page_rows, .chunk = std::min(c.chunk, c.context)};
}

// The largest scratch of any number of rows: kernels change with it, and not always towards more.
std::int64_t scratch_bytes(const BuiltModel& built, ThreadPool& threads, Communicator& communicator,
                           const RunnerConfig& config) {
  std::int64_t most = 0;
  for (std::int64_t rows = 1; rows <= config.chunk; rows = rows < config.chunk ? std::min(rows * 2, config.chunk) : rows + 1) {
    const std::int64_t wanted = std::min(rows, config.wanted);
    most = std::max(most, plan_step(built, threads, communicator, config, rows, wanted).scratch_bytes);
  }
  return most;
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
  StatePool state(built.tree->states, pool_config(config), Buffer::Access::kReserved);
  StepBuilder builder(state, rows, config.sequences);
  Scratch scratch = Scratch::planned();
  PlanObserver observer(built.tree->places.size());
  Exec exec(threads, scratch, communicator, observer, Exec::Mode::kPlan);
  Sequence sequence = state.create();
  const std::vector<std::int32_t> ids(static_cast<std::size_t>(rows), 0);
  std::vector<std::int64_t> wanted_rows(static_cast<std::size_t>(wanted));
  std::iota(wanted_rows.begin(), wanted_rows.end(), rows - wanted);
  const StepEntry entry{.sequence = &sequence, .rows = rows};
  const Step step = builder.prepare({&entry, 1}, ids, wanted_rows);
  const std::int64_t vocab = built.model->vocab_size();
  built.model->forward(exec, step, view_of(static_cast<float*>(nullptr), {wanted, vocab}));
  return {.scratch_bytes = scratch.peak(), .operations = observer.operations(), .bytes = observer.bytes()};
}

Runner::Runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, Observer& observer,
               const RunnerConfig& config)
    : built_(built),
      config_(checked(config)),
      vocab_(built.model->vocab_size()),
      state_(built.tree->states, pool_config(config_)),
      builder_(state_, config_.chunk, config_.sequences),
      scratch_(ttt::scratch_bytes(built, threads, communicator, config_)),
      exec_(threads, scratch_, communicator, observer),
      logits_(static_cast<std::size_t>(checked_mul(config_.wanted, vocab_, "logits"))) {
  wanted_.reserve(static_cast<std::size_t>(config_.wanted));
}

std::span<const float> Runner::step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                                    std::span<const std::int64_t> wanted_rows) {
  const std::int64_t wanted = static_cast<std::int64_t>(wanted_rows.size());
  require(wanted <= config_.wanted, ErrorKind::kInternal, "a step wanted logits of at most ", config_.wanted,
          " rows, got ", wanted);
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < vocab_, ErrorKind::kBadData, "token id wanted 0 to ", vocab_ - 1, ", got ", id);
  }
  const Step step = builder_.prepare(entries, ids, wanted_rows);
  built_.model->forward(exec_, step, view_of(logits_.data(), {wanted, vocab_}));
  builder_.commit();
  return std::span(logits_).first(static_cast<std::size_t>(wanted * vocab_));
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
  const std::int64_t rows = static_cast<std::int64_t>(ids.size());
  for (std::int64_t begin = 0; begin < rows;) {
    std::int64_t count = std::min(config_.chunk, rows - begin);
    // A chunk ends early rather than want more logits than there is room for.
    if (first_wanted < begin + count) count = std::min(count, std::max(first_wanted - begin, std::int64_t{0}) + config_.wanted);
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
