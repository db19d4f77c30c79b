#include "layer_scale.h"

#include <type_traits>

#include "base/error.h"

namespace ttt {

void validate(const LayerScaleSpec& spec, const Context& context) {
  // A message says where, which field, what was wanted and what came.
  require(spec.dim > 0, ErrorKind::kBadData, "[", context.name_or("LayerScale"), "] dim wanted a positive number, got ",
          spec.dim);
}

LayerScaleImplConfig default_impl_config(const LayerScaleSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(LayerScaleWeights& weights, const LayerScaleSpec& spec, const LayerScaleImplConfig&,
                  const LayerScaleNames& names, const Context& context, WeightBinder& binder) {
  // No cut: every rank holds the whole residual stream. kVector: wanted as dense f32, whatever the file holds.
  binder.bind(
      weights.gain,
      {.path = std::string(context.place.path), .name = names.gain, .shape = {spec.dim}, .use = WeightUse::kVector});
}

LayerScale::LayerScale(const LayerScaleSpec& spec, const LayerScaleWeights& weights, const LayerScaleImplConfig& impl,
                       const Context& context) {
  validate(spec, context);
  require(impl.activation == Format::kF32, ErrorKind::kUnsupported, "[", context.name_or("LayerScale"),
          "] activation wanted f32, got ", name_of(impl.activation));
  // The same list that loads the weights checks the ones that came. Shapes only: in a plan there is no data to look at.
  LayerScaleWeights checked = weights;
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  plan_ = {.place = context.place,
           .dim = spec.dim,
           .gain = weights.gain,
           .kernel = kernels::select_layer_scale(context.traits)};
  // A leaf block is numbers, views and pointers.
  static_assert(std::is_trivially_copyable_v<Plan>);
}

void LayerScale::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.dim && y.shape == x.shape, ErrorKind::kInternal, "[",
          plan_.place.path, "] x and y wanted [rows, ", plan_.dim, "], got ", x.shape.to_string(), " and ",
          y.shape.to_string());
  // launch, not a call: when a step is only planned, nothing runs and the work is added up.
  exec.launch(plan_.kernel, kernels::LayerScaleArgs{.x = x, .gain = plan_.gain, .y = y});
  // Every public forward ends with this: hooks, timings and checks see the result by the block's path.
  exec.done(plan_.place, y);
}

}  // namespace ttt
