#include "normalization/rmsnorm.h"

#include <type_traits>

#include "block/check_rows.h"
#include "block/checked_weights.h"

namespace ttt {

void validate(const RMSNormSpec& spec, const Context& context) {
  check_norm(spec.dim, spec.eps, context.name_or("RMSNorm"));
}

RMSNormImplConfig default_impl_config(const RMSNormSpec&, const DeviceTraits&, Strategy strategy) {
  return default_norm_config(strategy);
}

void bind_weights(RMSNormWeights& weights, const RMSNormSpec& spec, const RMSNormImplConfig&, const RMSNormNames& names,
                  const Context& context, WeightBinder& binder) {
  if (!spec.affine) return;
  binder.bind(
      weights.weight,
      {.path = std::string(context.place.path), .name = names.weight, .shape = {spec.dim}, .use = WeightUse::kVector});
}

RMSNorm::RMSNorm(const RMSNormSpec& spec, const RMSNormWeights& weights, const RMSNormImplConfig& impl,
                 const Context& context)
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {
  static_assert(std::is_trivially_copyable_v<Plan>);
}

RMSNorm::Plan RMSNorm::make_plan(const RMSNormSpec& spec, const RMSNormWeights& weights, const RMSNormImplConfig& impl,
                                 const Context& context) {
  check_norm(impl, context.name_or("RMSNorm"));
  return {.place = context.place,
          .dim = spec.dim,
          .eps = spec.eps,
          .weight_offset = spec.weight_offset,
          .weight = weights.weight,
          .norm = kernels::select_rms_norm(context.traits, impl.reference),
          .norm_add = kernels::select_rms_norm_add(context.traits, impl.reference)};
}

void RMSNorm::check(ConstTensorView x, TensorView y) const { check_rows(plan_.place, x, y, plan_.dim); }

void RMSNorm::compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const {
  exec.launch(out.choose(plan_.norm, plan_.norm_add),
              {.x = x, .weight = plan_.weight, .y = out.y, .eps = plan_.eps, .weight_offset = plan_.weight_offset});
}

}  // namespace ttt
