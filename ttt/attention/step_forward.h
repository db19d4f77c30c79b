#pragma once

#include <cstdint>

#include "base/step.h"
#include "block/forward.h"

// Shared by the mixers: blocks in which rows of a sequence see each other (attention).
namespace ttt {

// Error{kInternal} that names the place unless x and y are [rows of the step, width] and the step has the state slot.
void check_step(const Place& place, ConstTensorView x, const Step& step, ConstTensorView y, std::int64_t width,
                std::int64_t state_slot);
// Error{kInternal} that names the place unless the step has positions on all axes, or on one axis, which is used for
// all.
void check_positions(const Place& place, const Step& step, std::int64_t axes);
// Error{kUsage} that names the place unless every mask is f32, [rows of its sequence, its stored rows with the step's].
void check_masks(const Place& place, const Step& step);
// Where rows see later rows: Error{kUsage} that names the place if a sequence with stored rows has further rows in the
// step, because its earlier rows have not seen them.
void check_whole(const Place& place, const Step& step, const Visible& visible);
// Error{kUsage} that names the place if a sequence with stored rows has exactly one row in the step.
void check_prefill(const Place& place, const Step& step);
// Error{kUsage} that names the place unless every sequence has one row in the step.
void check_decode(const Place& place, const Step& step);

// The forms of a mixer's forward, written once: BlockForward's, and two that check the kind of step.
template <class Mixer>
class StepForward : public BlockForward<Mixer, ConstTensorView, const Step&> {
 public:
  // forward for steps in which every sequence starts, or has several rows; else Error{kUsage}.
  void prefill(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
    check_prefill(static_cast<const Mixer&>(*this).plan_.place, step);
    this->forward(exec, x, step, y);
  }

  // forward for steps in which every sequence has one row; else Error{kUsage}.
  void decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
    check_decode(static_cast<const Mixer&>(*this).plan_.place, step);
    this->forward(exec, x, step, y);
  }
};

}  // namespace ttt
