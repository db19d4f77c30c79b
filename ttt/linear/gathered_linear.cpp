#include "linear/gathered_linear.h"

#include <numeric>
#include <utility>

#include "kernels/rows/add_rows.h"
#include "linear/gather_columns.h"

namespace ttt {

GatheredLinear::GatheredLinear(const LinearWeight& weight, std::vector<std::int64_t> outputs,
                               const LinearImplConfig& impl, const Context& context)
    : plan_{.linear = Linear({weight}, impl, context),
            .outputs = std::move(outputs),
            .first = 0,
            .form = context.ranks == 1 ? multiply : multiply_and_gather} {
  plan_.first = std::accumulate(plan_.outputs.begin(), plan_.outputs.begin() + context.rank, std::int64_t{0});
}

void GatheredLinear::multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output) {
  Scratch::Frame frame(exec.scratch);
  plan.linear.run(exec, plan.linear.prepare(exec, frame, x), {output});
}

void GatheredLinear::multiply_and_gather(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output) {
  Scratch::Frame frame(exec.scratch);
  LinearOutput part = output;
  part.y = frame.take({x.dim(0), plan.linear.out(0)});
  part.accumulate = false;
  multiply(plan, exec, x, part);
  if (!output.accumulate) return gather_columns(exec, part.y, plan.outputs, output.y);
  const TensorView all = frame.take(output.y.shape);
  gather_columns(exec, part.y, plan.outputs, all);
  exec.launch(kernels::add_rows, {.x = all, .y = output.y});
}

}  // namespace ttt
