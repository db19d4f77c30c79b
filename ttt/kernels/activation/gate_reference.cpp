#include <algorithm>
#include <cmath>

#include "kernels/activation/gate.h"
#include "kernels/at_level.h"

namespace ttt::kernels::reference {
namespace {

// NaN stays NaN: min and max give their first operand for it.
double clamped(double g, double u, const GateArgs& args) {
  const double limit = static_cast<double>(args.params.limit);
  g = std::min(g, limit);
  u = std::max(std::min(u, limit), -limit) + static_cast<double>(args.up_offset);
  // sigmoid without overflow: e^-|a| is at most 1.
  const double a = g * static_cast<double>(args.params.alpha), e = std::exp(-std::fabs(a));
  return g * ((a < 0 ? e : 1) / (1 + e)) * u;
}

}  // namespace

void gate(Exec& exec, const GateArgs& args) noexcept {
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    float* g = args.gate.row<float>(r);
    const float* u = args.up.row<float>(r);
    float* y = args.y.row<float>(r);
    if (args.activate != nullptr) args.activate(g, args.y.dim(1), args.params);
    // The product of two f32 values is exact in double, so rounding it to f32 is all that happens here.
    for (std::int64_t i = 0; i < args.y.dim(1); ++i) y[i] = g[i] * u[i];
  });
}

void clamped_gate(Exec& exec, const GateArgs& args) noexcept {
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const float* g = args.gate.row<float>(r);
    const float* u = args.up.row<float>(r);
    float* y = args.y.row<float>(r);
    for (std::int64_t i = 0; i < args.y.dim(1); ++i) {
      y[i] = static_cast<float>(clamped(static_cast<double>(g[i]), static_cast<double>(u[i]), args));
    }
  });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, GateKernels, .gate = gate, .clamped_gate = clamped_gate)
}  // namespace ttt::kernels
