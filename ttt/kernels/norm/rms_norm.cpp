#include "kernels/norm/rms_norm.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

RmsNormFn select_rms_norm(const DeviceTraits& traits, bool reference) {
  return at_level<RmsNormKernels>(traits, reference).norm;
}
RmsNormFn select_rms_norm_add(const DeviceTraits& traits, bool reference) {
  return at_level<RmsNormKernels>(traits, reference).norm_add;
}

double operations(const RmsNormArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const RmsNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
