#include "channel_scale.h"

#include <type_traits>

#include "base/error.h"
#include "block/check_rows.h"
#include "block/checked_weights.h"

namespace ttt {

void validate(const ChannelScaleSpec& spec, const Context& context) {
  // A message says where, which field, what was wanted and what came.
  require(spec.dim > 0, ErrorKind::kBadData, "[", context.name_or("ChannelScale"),
          "] dim wanted a positive number, got ", spec.dim);
}

ChannelScaleImplConfig default_impl_config(const ChannelScaleSpec&, const DeviceTraits&, Strategy) { return {}; }

void bind_weights(ChannelScaleWeights& weights, const ChannelScaleSpec& spec, const ChannelScaleImplConfig&,
                  const ChannelScaleNames& names, const Context& context, WeightBinder& binder) {
  // No cut: every rank holds the whole residual stream. kVector: wanted as dense f32, whatever the file holds.
  binder.bind(
      weights.gain,
      {.path = std::string(context.place.path), .name = names.gain, .shape = {spec.dim}, .use = WeightUse::kVector});
}

ChannelScale::ChannelScale(const ChannelScaleSpec& spec, const ChannelScaleWeights& weights,
                           const ChannelScaleImplConfig& impl, const Context& context)
    // Validates the Spec; what it returns holds the weights that the Spec has, checked, and nothing else. Shapes only:
    // in a plan there is no data to look at.
    : plan_(make_plan(spec, checked_weights(spec, weights, impl, context), impl, context)) {
  // A leaf block is numbers, views and pointers.
  static_assert(std::is_trivially_copyable_v<Plan>);
}

ChannelScale::Plan ChannelScale::make_plan(const ChannelScaleSpec& spec, const ChannelScaleWeights& weights,
                                           const ChannelScaleImplConfig& impl, const Context& context) {
  require(impl.activation == Format::kF32, ErrorKind::kUnsupported, "[", context.name_or("ChannelScale"),
          "] activation wanted f32, got ", name_of(impl.activation));
  return {.place = context.place,
          .dim = spec.dim,
          .gain = weights.gain,
          .kernel = kernels::select_channel_scale(context.traits)};
}

// y = x * gain. A block that is added to the residual stream derives from BlockForward (block/forward.h), which has
// this forward and two that add.
void ChannelScale::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  check_rows(plan_.place, x, y, plan_.dim);
  // launch, not a call: when a step is only planned, nothing runs and the work is added up.
  exec.launch(plan_.kernel, kernels::ChannelScaleArgs{.x = x, .gain = plan_.gain, .y = y});
  // Every public forward ends with this: hooks, timings and checks see the result by the block's path.
  exec.done(plan_.place, y);
}

}  // namespace ttt
