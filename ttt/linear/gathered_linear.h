#pragma once

#include <cstdint>
#include <vector>

#include "linear/linear.h"

namespace ttt {

// y = epilogue(x w^T + bias) with outputs cut over ranks: each rank computes its own part, and every rank receives all
// parts. No sum depends on the number of ranks.
class GatheredLinear {
 public:
  // weight: this rank's rows of it. outputs: [ranks], how many each rank has.
  GatheredLinear(const LinearWeight& weight, std::vector<std::int64_t> outputs, const LinearImplConfig& impl,
                 const Context& context);

  // x: [rows, in]; output.y: [rows, outputs of all ranks], f32; may be x.
  void forward(Exec& exec, ConstTensorView x, const LinearOutput& output) const { plan_.form(plan_, exec, x, output); }
  // This rank's outputs only. output.y: [rows, this rank's outputs]
  void forward_part(Exec& exec, ConstTensorView x, const LinearOutput& output) const {
    multiply(plan_, exec, x, output);
  }

  const std::vector<std::int64_t>& outputs() const { return plan_.outputs; }  // [ranks]
  std::int64_t part() const { return plan_.linear.out(0); }                   // this rank's outputs
  std::int64_t first() const { return plan_.first; }                          // the first of them

 private:
  struct Plan {
    using FormFn = void (*)(const Plan&, Exec&, ConstTensorView x, const LinearOutput& output);
    Linear linear;
    std::vector<std::int64_t> outputs;
    std::int64_t first;
    FormFn form;
  };
  static void multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output);
  static void multiply_and_gather(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output);

  Plan plan_;
};

}  // namespace ttt
