#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/step.h"
#include "state/state_layout.h"

namespace ttt {

// A step as a forward would receive it, for Exec::Mode::kPlan. Lengths, positions and the layout of the state are those
// of a real step; all ids are 0, and there are neither rows of a past nor pages. Its memory and time depend only on the
// rows of the step, not on the past or the context.
class PlannedStep {
 public:
  struct Entry {
    std::int64_t rows = 0;         // new in this step
    std::int64_t past = 0;         // stored by earlier steps
    std::int64_t source_rows = 0;  // stored of another sequence
  };

  // `slots` and `config`: of the StatePool that the step would use. `wanted`: number of rows, the last ones, with
  // outputs. kSource: a step as StepBuilder::prepare_source makes it. input_size: as StepBuilder's. Throws
  // Error{kUsage} for invalid values.
  PlannedStep(std::span<const StateSpec> slots, const StatePoolConfig& config, std::span<const Entry> entries,
              std::int64_t wanted, RowsKind kind = RowsKind::kTokens, std::int64_t input_size = 0);
  PlannedStep(const PlannedStep&) = delete;
  PlannedStep& operator=(const PlannedStep&) = delete;

  const Step& step() const { return step_; }

 private:
  void fill_batch(std::span<const Entry> entries, std::int64_t axes, bool source);

  Buffer memory_;  // address space that faults when it is touched
  std::vector<std::int64_t> row_begin_{0}, past_, positions_, source_rows_, wanted_;
  std::vector<std::int32_t> many_, one_, ids_;
  std::vector<AttentionStateView> views_;
  Step step_;
};

}  // namespace ttt
