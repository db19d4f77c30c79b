#include "kernels/norm/shard_norm.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

RowMomentsFn select_row_moments(const DeviceTraits& traits, bool reference) {
  return at_level<ShardNormKernels>(traits, reference).moments;
}
RowMomentsFn select_row_moments_about_zero(const DeviceTraits& traits, bool reference) {
  return at_level<ShardNormKernels>(traits, reference).moments_about_zero;
}
ShardNormFn select_shard_norm(const DeviceTraits& traits, bool reference) {
  return at_level<ShardNormKernels>(traits, reference).norm;
}
ShardNormFn select_shard_norm_add(const DeviceTraits& traits, bool reference) {
  return at_level<ShardNormKernels>(traits, reference).norm_add;
}

double operations(const RowMomentsArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const RowMomentsArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double operations(const ShardNormArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const ShardNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
