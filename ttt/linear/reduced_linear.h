#pragma once

#include <cstdint>
#include <vector>

#include "base/weights.h"
#include "block/forward.h"
#include "collectives/reduce.h"
#include "linear/linear.h"

namespace ttt {

// How the weight [out, in] of a projection is cut when every rank has some of its inputs. By inputs: each rank
// multiplies its own and the products are summed. By outputs: the inputs are gathered, each rank computes some outputs
// and these are gathered; no sum depends on the ranks, and no cut falls inside a group of weights.
struct ProjectionSplit {
  std::vector<std::int64_t> inputs = {};   // [ranks]
  std::vector<std::int64_t> outputs = {};  // [ranks]; empty: cut by inputs

  Cut cut(std::int64_t rank) const;  // of the weight
};
// By inputs where all cuts fall on multiples of 32, at which every weight format can be cut, except where a part of a
// multiple of 256 inputs does not begin at one. By outputs in all other cases, and where `impl` asks for the bits of a
// row not to depend on the number of ranks.
ProjectionSplit projection_split(std::vector<std::int64_t> inputs, std::int64_t out, const LinearImplConfig& impl);
// The same where `in` inputs are cut over `ranks` in whole units (base/partition.h).
ProjectionSplit projection_split(std::int64_t in, std::int64_t unit, std::int64_t out, const LinearImplConfig& impl,
                                 std::int64_t ranks);

// y = x w^T + bias over all ranks' inputs: the last projection of a block.
//
// With one rank an addition to the residual stream is part of the product; no code asks for the number of ranks.
class ReducedLinear {
 public:
  // weight: as `split` cuts it; this rank's part may be empty. bias: [out], whole. `context` carries the projection's
  // own place (context.at("o_proj")): an observer of it sees the product before it is added to anything.
  ReducedLinear(const LinearWeight& weight, const ProjectionSplit& split, const LinearImplConfig& impl,
                const Context& context);
  // Cut by inputs.
  ReducedLinear(const LinearWeight& weight, const LinearImplConfig& impl, const Context& context)
      : ReducedLinear(weight, ProjectionSplit{}, impl, context) {}

  // x: [rows, this rank's inputs], y: [rows, out], f32. The block that owns this one reports y to the observer.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const { plan_.store(plan_, exec, x, y); }    // y = product
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const { plan_.add(plan_, exec, x, y); }  // y += product
  void write(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
    out.choose(plan_.store, plan_.add)(plan_, exec, x, out.y);
  }

  std::int64_t in() const { return plan_.linear.in(); }  // of the weight
  std::int64_t out() const { return plan_.linear.out(0); }
  const kernels::MatmulKernel& kernel(std::int64_t rows) const { return plan_.linear.kernel(0, rows); }

 private:
  struct Plan {
    using ForwardFn = void (*)(const Plan&, Exec&, ConstTensorView x, TensorView y);
    Place place = {};
    Linear linear;
    ConstTensorView bias = {};                            // [out], f32; absent where the product adds it
    std::vector<std::int64_t> inputs = {}, outputs = {};  // [ranks], where they are gathered
    ReduceFn reduce = nullptr;
    ForwardFn product = nullptr;  // y = this rank's product summed or gathered, without `bias`
    ForwardFn store = nullptr, add = nullptr;
  };
  static void multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output);
  static void product_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void product_gathered(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void store_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void add_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void store_shared(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);
  static void add_shared(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y);

  Plan plan_;
};

}  // namespace ttt
