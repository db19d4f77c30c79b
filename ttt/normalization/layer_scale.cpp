#include "normalization/layer_scale.h"

#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"

namespace ttt {

void validate(const LayerScaleSpec& spec, const Context& context) {
  require(spec.dim > 0, ErrorKind::kBadData, "[", context.name_or("LayerScale"), "] dim wanted a positive number, got ",
          spec.dim);
}

LayerScaleImplConfig default_impl_config(const LayerScaleSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(LayerScaleWeights& weights, const LayerScaleSpec& spec, const LayerScaleImplConfig&,
                  const LayerScaleNames& names, const Context& context, WeightBinder& binder) {
  binder.bind(
      weights.gain,
      {.path = std::string(context.place.path), .name = names.gain, .shape = {spec.dim}, .use = WeightUse::kVector});
}

LayerScale::LayerScale(const LayerScaleSpec& spec, const LayerScaleWeights& weights, const LayerScaleImplConfig& impl,
                       const Context& context)
    : plan_{.place = context.place, .dim = spec.dim, .gain = checked_weights(spec, weights, impl, context).gain} {}

void LayerScale::check(ConstTensorView x, TensorView y) const { check_rows(plan_.place, x, y, plan_.dim); }

void LayerScale::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  exec.launch(out.choose(kernels::gain_rows, kernels::add_gain_rows), {.x = x, .gain = plan_.gain, .y = out.y});
}

}  // namespace ttt
