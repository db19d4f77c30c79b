#include "kernels/layer_scale.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

LayerScaleFn select_layer_scale(const DeviceTraits& traits) { return at_level<LayerScaleKernels>(traits).layer_scale; }

double operations(const LayerScaleArgs& args) { return static_cast<double>(args.x.shape.elements()); }
// x and gain read, y written.
double bytes(const LayerScaleArgs& args) {
  return 4.0 * static_cast<double>(2 * args.x.shape.elements() + args.gain.shape.elements());
}

}  // namespace ttt::kernels
