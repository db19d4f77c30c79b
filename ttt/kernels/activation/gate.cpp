#include "kernels/activation/gate.h"

namespace ttt::kernels {

namespace sse2 {
void gate(Exec&, const GateArgs&) noexcept;
void clamped_gate(Exec&, const GateArgs&) noexcept;
}  // namespace sse2
namespace avx2 {
void gate(Exec&, const GateArgs&) noexcept;
void clamped_gate(Exec&, const GateArgs&) noexcept;
}  // namespace avx2
namespace avx512 {
void gate(Exec&, const GateArgs&) noexcept;
void clamped_gate(Exec&, const GateArgs&) noexcept;
}  // namespace avx512
namespace reference {
void gate(Exec&, const GateArgs&) noexcept;
void clamped_gate(Exec&, const GateArgs&) noexcept;
}  // namespace reference

GateFn select_gate(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::gate;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::gate;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::gate : sse2::gate;
}

GateFn select_clamped_gate(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::clamped_gate;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::clamped_gate;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::clamped_gate : sse2::clamped_gate;
}

double operations(const GateArgs& args) { return 5.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const GateArgs& args) { return 12.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
