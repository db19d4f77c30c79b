#include "kernels/activation/xielu.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

XieluFn select_xielu(const DeviceTraits& traits, bool reference) {
  return at_level<XieluKernels>(traits, reference).xielu;
}

double operations(const XieluArgs& args) { return 12.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const XieluArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
