#pragma once

#include "base/exec.h"
#include "base/tensor.h"
#include "kernels/rows/add_rows.h"

namespace ttt {

// Where a block writes its result, and how: y = result, or y += result.
struct BlockOutput {
  TensorView y = {};
  bool accumulate = false;

  // The one of two functions that writes in this way.
  template <class Function>
  Function choose(Function store, Function add) const {
    return accumulate ? add : store;
  }
};

// The three forms of a block's forward, written once. A block derives from this class, makes it a friend, and has
//
//     void check(Inputs..., TensorView y) const;                      throws where shapes do not fit
//     void compute(Exec&, Inputs..., const BlockOutput& out) const;   writes the result
//     plan_.place
//
// y may be one of the inputs in each form, also in forward_add, unless the block's header says otherwise.
template <class Block, class... Inputs>
class BlockForward {
 public:
  // y = block(inputs)
  void forward(Exec& exec, Inputs... inputs, TensorView y) const { write(exec, inputs..., {.y = y}); }

  // y += block(inputs)
  void forward_add(Exec& exec, Inputs... inputs, TensorView y) const {
    write(exec, inputs..., {.y = y, .accumulate = true});
  }

  // y += factor * block(inputs): for models with a residual multiplier.
  void forward_add_scaled(Exec& exec, Inputs... inputs, TensorView y, float factor) const {
    const Block& block = static_cast<const Block&>(*this);
    block.check(inputs..., y);
    Scratch::Frame frame(exec.scratch);
    const TensorView result = frame.take(y.shape);
    block.compute(exec, inputs..., {.y = result});
    exec.launch(kernels::add_scaled_rows, {.x = result, .y = y, .factor = factor});
    exec.done(block.plan_.place, y);
  }

 private:
  void write(Exec& exec, Inputs... inputs, const BlockOutput& out) const {
    const Block& block = static_cast<const Block&>(*this);
    block.check(inputs..., out.y);
    block.compute(exec, inputs..., out);
    exec.done(block.plan_.place, out.y);
  }
};

}  // namespace ttt
