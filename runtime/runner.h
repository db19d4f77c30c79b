#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/exec.h"
#include "collectives/communicator.h"
#include "runtime/load.h"
#include "runtime/plan_step.h"
#include "runtime/runner_config.h"
#include "state/state_pool.h"
#include "state/step_builder.h"

namespace ttt {

// The memory and the order of calls to run a model step by step: state, scratch and outputs, sized once. An output has
// the kind Model::output (logits of decoders, for example) and the width Model::output_size.
class Runner {
 public:
  // `built`, `threads`, `communicator` and `observer` must outlive the runner. Error{kResources} when memory is short.
  Runner(const BuiltModel& built, ThreadPool& threads, Communicator& communicator, Observer& observer,
         const RunnerConfig& config);

  Sequence create() { return state_.create(); }

  // Runs the encoder of an encoder-decoder over `ids` (back to back, entry by entry) and keeps what the decoder reads
  // of them, once for each sequence and before its first step. At most max_source_rows() rows in one call.
  // Error{kUsage} for a sequence that has a source or tokens, Error{kUnsupported} for other models.
  void encode(std::span<const StepEntry> entries, std::span<const std::int32_t> ids);
  void encode(Sequence& sequence, std::span<const std::int32_t> ids);

  // Adds `ids` (back to back, entry by entry; none where entries have rows) to their sequences. Returns the
  // outputs of `wanted_rows`, row-major [wanted_rows.size(), output_size]; valid until the next call.
  std::span<const float> step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                              std::span<const std::int64_t> wanted_rows);

  // The same into memory of the caller, [wanted_rows.size(), output_size]. Error{kUsage} for memory of another size.
  void step(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
            std::span<const std::int64_t> wanted_rows, std::span<float> outputs);

  // The two parts of a step, for callers that decide by the outputs how many rows stay. forward computes the rows and
  // returns the outputs as they are: unlike step it lets NaN and infinity pass, so that one sequence's do not end the
  // others' step. No sequence is longer before commit, which adds the first kept[i] rows of entry i, all without
  // `kept`, and gives back the pages of the others. Without commit, the next forward computes other rows instead.
  std::span<const float> forward(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
                                 std::span<const std::int64_t> wanted_rows);
  void commit(std::span<const std::int64_t> kept = {}) { builder_.commit(kept); }

  // Adds `ids` to one sequence in chunks and returns the output of the last [output_size]. A model whose rows see
  // later rows takes all rows of a sequence in one step, whatever `chunk` is: Error{kUsage} when the sequence has rows.
  std::span<const float> extend(Sequence& sequence, std::span<const std::int32_t> ids);

  // The same; `take` is called for every chunk with the logits of its rows from `first_wanted` (an index into ids) on
  // and the index of the first of them. A chunk has at most RunnerConfig::wanted wanted rows. Where sequences are
  // whole, Error{kUsage} if there are more wanted rows.
  using TakeLogits = std::function<void(std::int64_t first, std::span<const float> logits)>;
  void extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted, const TakeLogits& take);

  // The same into memory of the caller, [ids.size() - first_wanted, output_size].
  void extend(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted,
              std::span<float> outputs);

  std::int64_t vocab() const { return vocab_; }  // ids that the model knows
  std::int64_t output_size() const { return output_size_; }
  std::int64_t max_source_rows() const { return most_source_rows(state_.slots()); }
  const Model& model() const { return *built_.model; }
  const RunnerConfig& config() const { return config_; }
  std::int64_t scratch_bytes() const { return scratch_.capacity(); }
  std::int64_t state_bytes() const { return state_.bytes(); }
  StatePool& state() { return state_; }
  const StatePool& state() const { return state_; }

 private:
  void check_ids(std::span<const std::int32_t> ids) const;
  void run(std::span<const StepEntry> entries, std::span<const std::int32_t> ids,
           std::span<const std::int64_t> wanted_rows, std::span<float> outputs);
  std::span<float> own_outputs(std::span<const std::int64_t> wanted_rows);
  // Calls run(begin, chunk of ids, first wanted row of the chunk) for every chunk; the wanted rows are in wanted_.
  template <class Run>
  void in_chunks(Sequence& sequence, std::span<const std::int32_t> ids, std::int64_t first_wanted, const Run& run);

  const BuiltModel& built_;
  RunnerConfig config_;
  std::int64_t vocab_, output_size_;
  StatePool state_;
  StepBuilder builder_;
  Scratch scratch_;
  Exec exec_;
  std::vector<float> logits_;
  std::vector<std::int64_t> wanted_;
};

}  // namespace ttt
