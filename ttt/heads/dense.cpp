#include "heads/dense.h"

#include "base/error.h"
#include "block/checked_weights.h"
#include "heads/bind_outputs.h"
#include "linear/default_config.h"

namespace ttt {

void set_weight_format(DenseImplConfig& impl, Format format) { impl.weight = format; }

void validate(const DenseSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("Dense");
  require(spec.input_dim > 0, ErrorKind::kBadData, "[", who, "] input_dim wanted a positive number, got ",
          spec.input_dim);
  require(spec.output_dim > 0, ErrorKind::kBadData, "[", who, "] output_dim wanted a positive number, got ",
          spec.output_dim);
}

DenseImplConfig default_impl_config(const DenseSpec&, const DeviceTraits& traits, Strategy strategy) {
  return {.linear = default_linear_config(traits, strategy)};
}

void bind_weights(DenseWeights& weights, const DenseSpec& spec, const DenseImplConfig& impl, const DenseNames& names,
                  const Context& context, WeightBinder& binder) {
  bind_outputs(weights, {.inputs = spec.input_dim, .outputs = spec.output_dim, .bias = spec.bias}, impl.weight, names,
               context, binder);
}

Dense::Dense(const DenseSpec& spec, const DenseWeights& weights, const DenseImplConfig& impl, const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {}

Dense::Plan Dense::make_plan(const DenseSpec& spec, const DenseWeights& weights, const DenseImplConfig& impl,
                             const Context& context) {
  return {.place = context.place,
          .input_dim = spec.input_dim,
          .output_dim = spec.output_dim,
          .linear = GatheredLinear({weights.weight, weights.bias}, parts_of(spec.output_dim, 1, context.ranks),
                                   impl.linear, context),
          .activate = kernels::select_activation(context.traits, spec.activation, impl.linear.reference)};
}

void Dense::check(ConstTensorView x, TensorView y) const {
  const Shape result{x.shape.rank() == 2 ? x.dim(0) : 0, plan_.output_dim};
  require(x.shape.rank() == 2 && x.dim(1) == plan_.input_dim && y.shape == result, ErrorKind::kInternal, "[",
          plan_.place.path, "] x and y wanted [rows, ", plan_.input_dim, "] and [rows, ", plan_.output_dim, "], got ",
          x.shape.to_string(), " and ", y.shape.to_string());
}

void Dense::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  plan_.linear.forward(exec, x, {.y = out.y, .activate = plan_.activate, .accumulate = out.accumulate});
}

}  // namespace ttt
