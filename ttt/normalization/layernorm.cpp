#include "normalization/layernorm.h"

#include <cmath>
#include <type_traits>

#include "base/error.h"

namespace ttt {

void validate(const LayerNormSpec& spec, const Context& context) {
  const std::string_view who = context.name_or("LayerNorm");
  require(spec.dim > 0, ErrorKind::kBadData, "[", who, "] dim wanted a positive number, got ", spec.dim);
  require(spec.eps >= 0 && std::isfinite(spec.eps), ErrorKind::kBadData, "[", who,
          "] eps wanted a number of at least 0, got ", spec.eps);
}

LayerNormImplConfig default_impl_config(const LayerNormSpec&, const DeviceTraits&, Strategy strategy) {
  return {.reference = strategy == Strategy::kReference};
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
                     const Context& context) {
  validate(spec, context);
  require(impl.activation == Format::kF32, ErrorKind::kUnsupported, "[", context.name_or("LayerNorm"),
          "] activation wanted f32, got ", name_of(impl.activation));
  LayerNormWeights checked{.weight = spec.weight ? weights.weight : ConstTensorView{},
                           .bias = spec.bias ? weights.bias : ConstTensorView{}};
  WeightChecker checker;
  bind_weights(checked, spec, impl, {}, context, checker);
  plan_ = {.place = context.place,
           .dim = spec.dim,
           .eps = spec.eps,
           .weight = checked.weight,
           .bias = checked.bias,
           .norm = kernels::select_layer_norm(context.traits, impl.reference),
           .norm_add = kernels::select_layer_norm_add(context.traits, impl.reference)};
  static_assert(std::is_trivially_copyable_v<Plan>);
}

kernels::LayerNormArgs LayerNorm::args(ConstTensorView x, TensorView y) const {
  require(x.shape.rank() == 2 && x.dim(1) == plan_.dim && y.shape == x.shape, ErrorKind::kInternal, "[",
          plan_.place.path, "] x and y wanted [rows, ", plan_.dim, "], got ", x.shape.to_string(), " and ",
          y.shape.to_string());
  return {.x = x, .weight = plan_.weight, .bias = plan_.bias, .y = y, .eps = plan_.eps};
}

void LayerNorm::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  exec.launch(plan_.norm, args(x, y));
  exec.done(plan_.place, y);
}

void LayerNorm::forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
  exec.launch(plan_.norm_add, args(x, y));
  exec.done(plan_.place, y);
}

}  // namespace ttt
