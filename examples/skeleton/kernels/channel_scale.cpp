#include "kernels/channel_scale.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

ChannelScaleFn select_channel_scale(const DeviceTraits& traits) {
  return at_level<ChannelScaleKernels>(traits).channel_scale;
}

double operations(const ChannelScaleArgs& args) { return static_cast<double>(args.x.shape.elements()); }
// x and gain read, y written.
double bytes(const ChannelScaleArgs& args) {
  return 4.0 * static_cast<double>(2 * args.x.shape.elements() + args.gain.shape.elements());
}

}  // namespace ttt::kernels
