#pragma once

#include <cstdint>

#include "collectives/reduce.h"
#include "linear/linear.h"

namespace ttt {

// y = sum over ranks of x w^T, + bias: the last projection of a block, each rank holding a cut of `in`. The bias is
// added once, after the sum.
//
// With one rank an addition to the residual stream is part of the product; no path asks how many ranks there are.
class ReducedLinear {
 public:
  // weight: [out, in]; in is this rank's part and may be 0. `context` carries the projection's own place
  // (context.at("o_proj")): an observer that wants it sees the reduced product before it is added to anything.
  ReducedLinear(const LinearWeight& weight, const LinearImplConfig& impl, const Context& context);

  // x: [rows, in], y: [rows, out], f32. The block that owns this one reports y to the observer.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const { plan_.store(plan_, exec, x, y); }    // y = product
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const { plan_.add(plan_, exec, x, y); }  // y += product

  std::int64_t in() const { return plan_.linear.in(); }
  std::int64_t out() const { return plan_.linear.out(0); }
  const kernels::MatmulKernel& kernel(std::int64_t rows) const { return plan_.linear.kernel(0, rows); }

 private:
  struct Plan {
    using ForwardFn = void (*)(const Plan&, Exec&, ConstTensorView x, TensorView y);
    Place place = {};
    Linear linear;
    ConstTensorView bias = {};  // [out], f32; absent where the product adds it
    ReduceFn reduce = nullptr;
    ForwardFn store = nullptr, add = nullptr;
  };
  static void multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output);
  static void store_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void add_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void store_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void add_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);

  Plan plan_;
};

}  // namespace ttt
