#include "runtime/runner.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "runtime/numerical_error.h"

namespace ttt {

Runner::Runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, Observer& observer,
               const RunnerConfig& config)
    : built_(built),
      config_(checked_config(config, built.tree->states)),
      vocab_(built.model->vocab_size()),
      state_(built.tree->states, pool_config(config_, built.tree->states)),
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
    require(id >= 0 && id < vocab_, ErrorKind::kUsage, "token id wanted 0 to ", vocab_ - 1, ", got ", id);
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
  const std::int64_t wanted = std::max<std::int64_t>(rows - std::max<std::int64_t>(first_wanted, 0), 0);
  require(!state_.whole_sequences() || wanted <= config_.wanted, ErrorKind::kUsage,
          "a sequence that is taken whole, as its rows see those after them, wanted outputs of at most ",
          config_.wanted, " rows (RunnerConfig::wanted), got ", wanted);
  for (std::int64_t begin = 0; begin < rows;) {
    std::int64_t count = std::min(config_.chunk, rows - begin);
    // A chunk ends early rather than want more logits than there is room for.
    if (first_wanted < begin + count) {
      count = std::min(count, std::max(first_wanted - begin, std::int64_t{0}) + config_.wanted);
    }
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
