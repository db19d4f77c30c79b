#include "kernels/norm/rms_norm.h"

namespace ttt::kernels {

namespace sse2 {
void rms_norm(Exec&, const RmsNormArgs&) noexcept;
void rms_norm_add(Exec&, const RmsNormArgs&) noexcept;
}  // namespace sse2
namespace avx2 {
void rms_norm(Exec&, const RmsNormArgs&) noexcept;
void rms_norm_add(Exec&, const RmsNormArgs&) noexcept;
}  // namespace avx2
namespace avx512 {
void rms_norm(Exec&, const RmsNormArgs&) noexcept;
void rms_norm_add(Exec&, const RmsNormArgs&) noexcept;
}  // namespace avx512
namespace reference {
void rms_norm(Exec&, const RmsNormArgs&) noexcept;
void rms_norm_add(Exec&, const RmsNormArgs&) noexcept;
}  // namespace reference

RmsNormFn select_rms_norm(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::rms_norm;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::rms_norm;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::rms_norm : sse2::rms_norm;
}

RmsNormFn select_rms_norm_add(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::rms_norm_add;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::rms_norm_add;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::rms_norm_add : sse2::rms_norm_add;
}

double operations(const RmsNormArgs& args) { return 4.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const RmsNormArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
