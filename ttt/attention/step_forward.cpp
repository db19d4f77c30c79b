#include "attention/step_forward.h"

#include "base/error.h"

namespace ttt {

void check_step(const Place& place, ConstTensorView x, const Step& step, ConstTensorView y, std::int64_t width,
                std::int64_t state_slot) {
  const Shape wanted{step.rows(), width};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  require(state_slot < static_cast<std::int64_t>(step.states.size()), ErrorKind::kInternal, "[", place.path,
          "] wanted state slot ", state_slot, ", got a step with ", step.states.size());
}

void check_positions(const Place& place, const Step& step, std::int64_t axes) {
  const auto positions = static_cast<std::int64_t>(step.batch.positions.size());
  require(positions == step.rows() || positions >= axes * step.rows(), ErrorKind::kInternal, "[", place.path,
          "] positions wanted ", step.rows(), " values on ", axes, axes == 1 ? " axis, got " : " axes, got ",
          positions);
}

void check_masks(const Place& place, const Step& step) {
  require(step.masks.empty() || static_cast<std::int64_t>(step.masks.size()) == step.batch.seqs(), ErrorKind::kUsage,
          "[", place.path, "] masks wanted one of each of ", step.batch.seqs(), " sequences, got ", step.masks.size());
  for (std::size_t i = 0; i < step.masks.size(); ++i) {
    const std::int64_t rows = step.batch.row_begin[i + 1] - step.batch.row_begin[i];
    const Shape wanted{rows, step.batch.past[i] + rows};
    const ConstTensorView& mask = step.masks[i];
    require(!mask || (mask.shape == wanted && mask.format == Format::kF32), ErrorKind::kUsage, "[", place.path,
            "] masks[", i, "] wanted f32 ", wanted.to_string(), ", got ", name_of(mask.format), " ",
            mask.shape.to_string());
  }
}

void check_whole(const Place& place, const Step& step, const Visible& visible) {
  if (visible.ahead == 0) return;
  const BatchView& b = step.batch;
  for (std::size_t i = 0; i < b.past.size(); ++i) {
    const std::int64_t rows = b.row_begin[i + 1] - b.row_begin[i];
    require(rows == 0 || b.past[i] == 0, ErrorKind::kUsage, "[", place.path, "] wanted all rows of sequence ", i,
            " of the step at once, as rows see those after them, got ", rows, " after ", b.past[i]);
  }
}

void check_prefill(const Place& place, const Step& step) {
  for (const std::int32_t seq : step.batch.one) {
    require(step.batch.past[static_cast<std::size_t>(seq)] == 0, ErrorKind::kUsage, "[", place.path,
            "] prefill wanted several rows for sequence ", seq, " of the step, which has ",
            step.batch.past[static_cast<std::size_t>(seq)], " stored, got 1");
  }
}

void check_decode(const Place& place, const Step& step) {
  require(static_cast<std::int64_t>(step.batch.one.size()) == step.batch.seqs(), ErrorKind::kUsage, "[", place.path,
          "] decode wanted one row for each of ", step.batch.seqs(), " sequences, got ", step.rows(), " rows");
}

}  // namespace ttt
