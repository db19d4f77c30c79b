#include "linear/reduced_linear.h"

#include <numeric>
#include <utility>

#include "base/partition.h"
#include "kernels/rows/add_rows.h"
#include "linear/gather_columns.h"

namespace ttt {
namespace {

// Inputs at which any weight format can be cut, and the least that a rank gets of the outputs.
constexpr std::int64_t kGroup = 32;
// Formats of two levels keep one scale for each so many inputs where a part has whole ones (kernels/formats/packed.h).
constexpr std::int64_t kSuperGroup = 256;

std::int64_t before(const std::vector<std::int64_t>& parts, std::int64_t rank) {
  return std::accumulate(parts.begin(), parts.begin() + rank, std::int64_t{0});
}

// The bias belongs to the sum over ranks, not to any one of its parts; an output is some rank's alone.
LinearWeight own_weight(LinearWeight weight, const ProjectionSplit& split, const Context& context) {
  if (context.ranks == 1 || !weight.bias) return weight;
  if (split.outputs.empty()) {
    weight.bias = {};
    return weight;
  }
  const auto rank = static_cast<std::size_t>(context.rank);
  const std::int64_t width = static_cast<std::int64_t>(sizeof(float));
  weight.bias.data += before(split.outputs, context.rank) * width;
  weight.bias.shape = {split.outputs[rank]};
  weight.bias.row_bytes = split.outputs[rank] * width;
  return weight;
}

}  // namespace

Cut ProjectionSplit::cut(std::int64_t rank) const {
  const int axis = outputs.empty() ? 1 : 0;
  const std::vector<std::int64_t>& parts = outputs.empty() ? inputs : outputs;
  return {.axis = axis, .begin = before(parts, rank), .count = parts[static_cast<std::size_t>(rank)]};
}

ProjectionSplit projection_split(std::vector<std::int64_t> inputs, std::int64_t out, const LinearImplConfig& impl) {
  ProjectionSplit split{.inputs = std::move(inputs)};
  const auto ranks = static_cast<std::int64_t>(split.inputs.size());
  bool on_groups = true;
  for (std::int64_t r = 1; r < ranks; ++r) {
    const std::int64_t begin = before(split.inputs, r), count = split.inputs[static_cast<std::size_t>(r)];
    const bool between_scales = begin % kSuperGroup == 0 || count % kSuperGroup != 0 || count == 0;
    on_groups = on_groups && begin % kGroup == 0 && between_scales;
  }
  if (ranks == 1 || (on_groups && !impl.one_kernel)) return split;
  split.outputs = parts_of(out, kGroup, ranks);
  return split;
}

ProjectionSplit projection_split(std::int64_t in, std::int64_t unit, std::int64_t out, const LinearImplConfig& impl,
                                 std::int64_t ranks) {
  return projection_split(parts_of(in, unit, ranks), out, impl);
}

ReducedLinear::ReducedLinear(const LinearWeight& weight, const ProjectionSplit& split, const LinearImplConfig& impl,
                             const Context& context)
    : plan_{.place = context.place, .linear = Linear({own_weight(weight, split, context)}, impl, context)} {
  const bool alone = context.ranks == 1, gathers = !alone && !split.outputs.empty();
  if (!alone && !gathers) plan_.bias = weight.bias;
  if (gathers) {
    plan_.inputs = split.inputs;
    plan_.outputs = split.outputs;
  }
  plan_.reduce = select_all_reduce(context.ranks);
  plan_.product = gathers ? product_gathered : product_reduced;
  plan_.store = alone ? store_alone : store_shared;
  plan_.add = alone ? add_alone : add_shared;
}

void ReducedLinear::multiply(const Plan& plan, Exec& exec, ConstTensorView x, const LinearOutput& output) {
  Scratch::Frame frame(exec.scratch);
  plan.linear.run(exec, plan.linear.prepare(exec, frame, x), {output});
}

void ReducedLinear::product_reduced(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  multiply(plan, exec, x, {.y = y});
  plan.reduce(exec, y);
}

void ReducedLinear::product_gathered(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView mine = frame.take({x.dim(0), plan.linear.out(0)});
  {
    Scratch::Frame inner(exec.scratch);
    const TensorView whole = inner.take({x.dim(0), plan.linear.in()});
    gather_columns(exec, x, plan.inputs, whole);
    multiply(plan, exec, whole, {.y = mine});
  }
  gather_columns(exec, mine, plan.outputs, y);
}

void ReducedLinear::store_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  multiply(plan, exec, x, {.y = y});
  if (exec.observer.observes(plan.place)) exec.done(plan.place, y);
}

void ReducedLinear::add_alone(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  // An observer may look at, and change, the product only while it is not yet part of the sum.
  if (exec.observer.observes(plan.place)) return add_shared(plan, exec, x, y);
  multiply(plan, exec, x, {.y = y, .accumulate = true});
}

void ReducedLinear::store_shared(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView product = frame.take(y.shape);
  plan.product(plan, exec, x, product);
  exec.launch(kernels::add_rows_store, {.x = product, .bias = plan.bias, .y = y});
  if (exec.observer.observes(plan.place)) exec.done(plan.place, y);
}

void ReducedLinear::add_shared(const Plan& plan, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView product = frame.take(y.shape);
  plan.product(plan, exec, x, product);
  if (exec.observer.observes(plan.place)) {
    exec.launch(kernels::add_rows_store, {.x = product, .bias = plan.bias, .y = product});
    exec.done(plan.place, product);
    exec.launch(kernels::add_rows, {.x = product, .y = y});
    return;
  }
  exec.launch(kernels::add_rows, {.x = product, .bias = plan.bias, .y = y});
}

}  // namespace ttt
