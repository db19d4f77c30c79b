#include "kernels/norm/layer_norm.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

LayerNormFn select_layer_norm(const DeviceTraits& traits, bool reference) {
  return at_level<LayerNormKernels>(traits, reference).norm;
}
LayerNormFn select_layer_norm_add(const DeviceTraits& traits, bool reference) {
  return at_level<LayerNormKernels>(traits, reference).norm_add;
}

double operations(const LayerNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const LayerNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
