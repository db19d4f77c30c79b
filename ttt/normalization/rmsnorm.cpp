#include "normalization/rmsnorm.h"

#include <cmath>
#include <type_traits>

#include "base/error.h"

namespace ttt {

void validate(const RMSNormSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("RMSNorm");
  require(spec.dim > 0, ErrorKind::kBadData, "[", who, "] dim wanted a positive number, got ", spec.dim);
  require(spec.eps >= 0 && std::isfinite(spec.eps), ErrorKind::kBadData, "[", who,
          "] eps wanted a number of at least 0, got ", spec.eps);
}

RMSNormImplConfig default_impl_config(const RMSNormSpec&, const DeviceTraits&, Strategy strategy) {
  return {.reference = strategy == Strategy::kReference};
}

void bind_weights(RMSNormWeights& weights, const RMSNormSpec& spec, const RMSNormImplConfig&, const RMSNormNames& names,
                  const Context& context, WeightBinder& binder) {
  if (!spec.affine) return;
  binder.bind(
      weights.weight,
      {.path = std::string(context.place.path), .name = names.weight, .shape = {spec.dim}, .use = WeightUse::kVector});
}

RMSNorm::RMSNorm(const RMSNormSpec& spec, const RMSNormWeights& weights, const RMSNormImplConfig& impl,
                 const Context& context) {
  validate(spec, context);
  require(impl.activation == Format::kF32, ErrorKind::kUnsupported, "[", context.name_or("RMSNorm"),
          "] activation wanted f32, got ", name_of(impl.activation));
  RMSNormWeights checked = weights;
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  plan_ = {.place = context.place,
           .dim = spec.dim,
           .eps = spec.eps,
           .weight_offset = spec.weight_offset,
           .weight = weights.weight,
           .norm = kernels::select_rms_norm(context.traits, impl.reference),
           .norm_add = kernels::select_rms_norm_add(context.traits, impl.reference)};
  static_assert(std::is_trivially_copyable_v<Plan>);
}

kernels::RmsNormArgs RMSNorm::args(ConstTensorView x, TensorView y) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.dim && y.shape == x.shape, ErrorKind::kInternal, "[",
          plan_.place.path, "] x and y wanted [rows, ", plan_.dim, "], got ", x.shape.to_string(), " and ",
          y.shape.to_string());
  return {.x = x, .weight = plan_.weight, .y = y, .eps = plan_.eps, .weight_offset = plan_.weight_offset};
}

void RMSNorm::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  exec.launch(plan_.norm, args(x, y));
  exec.done(plan_.place, y);
}

void RMSNorm::forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
  exec.launch(plan_.norm_add, args(x, y));
  exec.done(plan_.place, y);
}

}  // namespace ttt
