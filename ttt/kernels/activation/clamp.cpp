#include "kernels/activation/clamp.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

ClampFn select_clamp(const DeviceTraits& traits, bool reference) {
  return at_level<ClampKernels>(traits, reference).clamp;
}

double operations(const ClampArgs& args) { return 2.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const ClampArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
