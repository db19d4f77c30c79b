#include "normalization/layernorm.h"

#include <type_traits>

#include "block/check_rows.h"
#include "block/checked_weights.h"

namespace ttt {

void validate(const LayerNormSpec& spec, const Context& context) {
  check_norm(spec.dim, spec.eps, context.name_or("LayerNorm"));
}

LayerNormImplConfig default_impl_config(const LayerNormSpec&, const DeviceTraits&, Strategy strategy) {
  return default_norm_config(strategy);
}

void bind_weights(LayerNormWeights& weights, const LayerNormSpec& spec, const LayerNormImplConfig&,
                  const LayerNormNames& names, const Context& context, WeightBinder& binder) {
  const std::string path(context.place.path);
  constexpr WeightUse kVector = WeightUse::kVector;
  if (spec.weight) {
    binder.bind(weights.weight, {.path = path, .name = names.weight, .shape = {spec.dim}, .use = kVector});
  }
  if (spec.bias) binder.bind(weights.bias, {.path = path, .name = names.bias, .shape = {spec.dim}, .use = kVector});
}

LayerNorm::LayerNorm(const LayerNormSpec& spec, const LayerNormWeights& weights, const LayerNormImplConfig& impl,
                     const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {
  static_assert(std::is_trivially_copyable_v<Plan>);
}

LayerNorm::Plan LayerNorm::make_plan(const LayerNormSpec& spec, const LayerNormWeights& weights,
                                     const LayerNormImplConfig& impl, const Context& context) {
  check_norm(impl, context.name_or("LayerNorm"));
  return {.place = context.place,
          .dim = spec.dim,
          .eps = spec.eps,
          .weight_offset = spec.weight_offset,
          .weight = weights.weight,
          .bias = weights.bias,
          .norm = kernels::select_layer_norm(context.traits, impl.reference),
          .norm_add = kernels::select_layer_norm_add(context.traits, impl.reference)};
}

void LayerNorm::check(ConstTensorView x, TensorView y) const { check_rows(plan_.place, x, y, plan_.dim); }

void LayerNorm::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  exec.launch(out.choose(plan_.norm, plan_.norm_add), {.x = x,
                                                       .weight = plan_.weight,
                                                       .bias = plan_.bias,
                                                       .y = out.y,
                                                       .eps = plan_.eps,
                                                       .weight_offset = plan_.weight_offset});
}

}  // namespace ttt
