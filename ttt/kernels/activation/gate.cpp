#include "kernels/activation/gate.h"

#include "kernels/at_level.h"

namespace ttt::kernels {

GateFn select_gate(const DeviceTraits& traits, bool reference) { return at_level<GateKernels>(traits, reference).gate; }
GateFn select_clamped_gate(const DeviceTraits& traits, bool reference) {
  return at_level<GateKernels>(traits, reference).clamped_gate;
}

double operations(const GateArgs& args) { return 5.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const GateArgs& args) { return 12.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
