#include "linear/reduced_linear.h"

#include "kernels/add_rows.h"

namespace ttt {
namespace {

// The bias belongs to the sum over ranks, not to any one of its parts.
LinearWeight part_of(LinearWeight weight, const Context& context) {
  if (context.ranks > 1) weight.bias = {};
  return weight;
}

}  // namespace

ReducedLinear::ReducedLinear(const LinearWeight& weight, const LinearImplConfig& impl, const Context& context)
    : plan_{.place = context.place, .linear = Linear({part_of(weight, context)}, impl, context)} {
  const bool alone = context.ranks == 1;
  if (!alone) plan_.bias = weight.bias;
  plan_.reduce = select_all_reduce(context.ranks);
  plan_.store = alone ? store_alone : store_reduced;
  plan_.add = alone ? add_alone : add_reduced;
}

void ReducedLinear::multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output) {
  Scratch::Frame frame(exec.scratch);
  plan.linear.run(exec, plan.linear.prepare(exec, frame, x), {output});
}

void ReducedLinear::store_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  multiply(plan, exec, x, {.y = y});
  if (exec.observer.wants(plan.place)) exec.done(plan.place, y);
}

void ReducedLinear::add_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  // An observer may look at, and change, the product only while it is not yet part of the sum.
  if (exec.observer.wants(plan.place)) return add_reduced(plan, exec, x, y);
  multiply(plan, exec, x, {.y = y, .accumulate = true});
}

void ReducedLinear::store_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView product = frame.take(y.shape);
  multiply(plan, exec, x, {.y = product});
  plan.reduce(exec, product);
  exec.launch(kernels::add_rows_store, {.x = product, .bias = plan.bias, .y = y});
  if (exec.observer.wants(plan.place)) exec.done(plan.place, y);
}

void ReducedLinear::add_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView product = frame.take(y.shape);
  multiply(plan, exec, x, {.y = product});
  plan.reduce(exec, product);
  if (exec.observer.wants(plan.place)) {
    exec.launch(kernels::add_rows_store, {.x = product, .bias = plan.bias, .y = product});
    exec.done(plan.place, product);
    exec.launch(kernels::add_rows, {.x = product, .y = y});
    return;
  }
  exec.launch(kernels::add_rows, {.x = product, .bias = plan.bias, .y = y});
}

}  // namespace ttt
