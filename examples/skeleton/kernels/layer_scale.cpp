#include "kernels/layer_scale.h"

namespace ttt::kernels {

// The bodies stand in one namespace per instruction set; these declarations are all that anybody sees of them.
namespace sse2 {
void layer_scale(Exec&, const LayerScaleArgs&) noexcept;
}
namespace avx2 {
void layer_scale(Exec&, const LayerScaleArgs&) noexcept;
}
namespace avx512 {
void layer_scale(Exec&, const LayerScaleArgs&) noexcept;
}

LayerScaleFn select_layer_scale(const DeviceTraits& traits) {
  if (traits.isa >= IsaLevel::kAvx512) return avx512::layer_scale;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::layer_scale : sse2::layer_scale;
}

double operations(const LayerScaleArgs& args) { return static_cast<double>(args.x.shape.elements()); }
// x and gain read, y written.
double bytes(const LayerScaleArgs& args) {
  return 4.0 * static_cast<double>(2 * args.x.shape.elements() + args.gain.shape.elements());
}

}  // namespace ttt::kernels
