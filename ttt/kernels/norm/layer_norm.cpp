#include "kernels/norm/layer_norm.h"

namespace ttt::kernels {

namespace sse2 {
void layer_norm(Exec&, const LayerNormArgs&) noexcept;
void layer_norm_add(Exec&, const LayerNormArgs&) noexcept;
}  // namespace sse2
namespace avx2 {
void layer_norm(Exec&, const LayerNormArgs&) noexcept;
void layer_norm_add(Exec&, const LayerNormArgs&) noexcept;
}  // namespace avx2
namespace avx512 {
void layer_norm(Exec&, const LayerNormArgs&) noexcept;
void layer_norm_add(Exec&, const LayerNormArgs&) noexcept;
}  // namespace avx512
namespace reference {
void layer_norm(Exec&, const LayerNormArgs&) noexcept;
void layer_norm_add(Exec&, const LayerNormArgs&) noexcept;
}  // namespace reference

LayerNormFn select_layer_norm(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::layer_norm;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::layer_norm;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::layer_norm : sse2::layer_norm;
}

LayerNormFn select_layer_norm_add(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::layer_norm_add;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::layer_norm_add;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::layer_norm_add : sse2::layer_norm_add;
}

double operations(const LayerNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const LayerNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
