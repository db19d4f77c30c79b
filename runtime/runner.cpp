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
      output_size_(built.model->output_size()),
      state_(built.tree->states, pool_config(config_, built.tree->states)),
      builder_(state_, config_.chunk, config_.sequences, built.model->input_size()),
      scratch_(plan_runner(built, threads, communicator, config_).scratch),
      exec_(threads, scratch_, communicator, observer),
      logits_(static_cast<std::size_t>(checked_mul(config_.wanted, output_size_, "logits"))) {
  wanted_.reserve(static_cast<std::size_t>(config_.wanted));
}

void Runner::check_ids(std::span<const std::int32_t> ids) const {
  for (const std::int32_t id : ids) {
    require(id >= 0 && id < vocab_, ErrorKind::kUsage, "token id wanted 0 to ", vocab_ - 1, ", got ", id);
  }
}

void Runner::encode(std::span<const StepEntry> entries, std::span<const std::int32_t> ids) {
  require(built_.model->has_encoder(), ErrorKind::kUnsupported,
          "a source wanted a model with an encoder and a decoder, got one without");
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    rows += entries[i].rows;
    require(entries[i].rows > 0, ErrorKind::kUsage, "a source wanted at least one token, got none");
    require(entries[i].sequence == nullptr || entries[i].sequence->length() == 0, ErrorKind::kUsage,
            "a source wanted a sequence without tokens, got one with ",
            entries[i].sequence == nullptr ? 0 : entries[i].sequence->length());
  }
  require(rows <= max_source_rows(), ErrorKind::kUsage, "a source wanted at most ", max_source_rows(),
          " tokens (LoadOptions::source_rows), got ", rows);
  check_ids(ids);
  require(built_.model->input_size() > 0 || static_cast<std::int64_t>(ids.size()) == rows, ErrorKind::kUsage,
          "a source wanted ", rows, " ids, got ", ids.size());
  const Step step = builder_.prepare_source(entries, ids);
  built_.model->encode(exec_, step);
  builder_.commit();
}

void Runner::encode(Sequence& sequence, std::span<const std::int32_t> ids) {
  const StepEntry entry{.sequence = &sequence, .rows = static_cast<std::int64_t>(ids.size())};
  encode({&entry, 1}, ids);
}

void Runner::run(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                 std::span<const std::int64_t> wanted_rows, std::span<float> outputs) {
  const std::int64_t wanted = static_cast<std::int64_t>(wanted_rows.size());
  require(wanted <= config_.wanted, ErrorKind::kInternal, "a step wanted logits of at most ", config_.wanted,
          " rows, got ", wanted);
  require(static_cast<std::int64_t>(outputs.size()) == wanted * output_size_, ErrorKind::kUsage, "outputs of ", wanted,
          " rows wanted memory for ", wanted * output_size_, " values, got ", outputs.size());
  check_ids(ids);
  const Step step = builder_.prepare(entries, ids, wanted_rows);
  for (const std::int64_t row : wanted_rows) {
    require(row >= 0 && row < step.rows(), ErrorKind::kInternal, "a step of ", step.rows(),
            " rows wanted logits of row ", row);
  }
  for (std::size_t i = 0; i < entries.size() && built_.model->has_encoder(); ++i) {
    require(entries[i].rows == 0 || entries[i].sequence->source_rows() > 0, ErrorKind::kUsage, "[step] entry ", i,
            " wanted a sequence whose source is encoded (Runner::encode), got one without");
  }
  built_.model->forward(exec_, step, view_of(outputs.data(), {wanted, output_size_}));
}

// The runner's own memory for the outputs of a step; more rows than it has are refused by run.
std::span<float> Runner::own_outputs(std::span<const std::int64_t> wanted_rows) {
  const std::int64_t rows = std::min(static_cast<std::int64_t>(wanted_rows.size()), config_.wanted);
  return std::span(logits_).first(static_cast<std::size_t>(rows * output_size_));
}

std::span<const float> Runner::forward(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                                       std::span<const std::int64_t> wanted_rows) {
  const std::span<float> outputs = own_outputs(wanted_rows);
  run(entries, ids, wanted_rows, outputs);
  return outputs;
}

void Runner::step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                  std::span<const std::int64_t> wanted_rows, std::span<float> outputs) {
  run(entries, ids, wanted_rows, outputs);
  require_numbers(outputs, output_size_);
  commit();
}

std::span<const float> Runner::step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                                    std::span<const std::int64_t> wanted_rows) {
  const std::span<float> outputs = own_outputs(wanted_rows);
  step(entries, ids, wanted_rows, outputs);
  return outputs;
}

std::span<const float> Runner::extend(Sequence& sequence, std::span<const std::int32_t> ids) {
  require(!ids.empty(), ErrorKind::kUsage, "a prompt wanted at least one token, got none");
  std::span<const float> logits;
  extend(sequence, ids, static_cast<std::int64_t>(ids.size()) - 1,
         [&](std::int64_t, std::span<const float> rows) { logits = rows; });
  return logits;
}

template <class Run>
void Runner::in_chunks(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted,
                       const Run& run) {
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
    run(begin, ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)), from);
    begin += count;
  }
}

void Runner::extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted,
                    const TakeLogits& take) {
  in_chunks(sequence, ids, first_wanted,
            [&](std::int64_t begin, std::span<const std::int32_t> chunk, std::int64_t from) {
              const StepEntry entry{.sequence = &sequence, .rows = static_cast<std::int64_t>(chunk.size())};
              const std::span<const float> logits = step({&entry, 1}, chunk, wanted_);
              if (!wanted_.empty()) take(begin + from, logits);
            });
}

void Runner::extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted,
                    std::span<float> outputs) {
  const std::int64_t first = std::max<std::int64_t>(first_wanted, 0);
  const std::int64_t values = std::max<std::int64_t>(static_cast<std::int64_t>(ids.size()) - first, 0) * output_size_;
  require(static_cast<std::int64_t>(outputs.size()) == values, ErrorKind::kUsage, "outputs wanted memory for ", values,
          " values, got ", outputs.size());
  std::size_t written = 0;
  in_chunks(sequence, ids, first, [&](std::int64_t, std::span<const std::int32_t> chunk, std::int64_t) {
    const StepEntry entry{.sequence = &sequence, .rows = static_cast<std::int64_t>(chunk.size())};
    const std::size_t count = wanted_.size() * static_cast<std::size_t>(output_size_);
    step({&entry, 1}, chunk, wanted_, outputs.subspan(written, count));
    written += count;
  });
}

}  // namespace ttt
