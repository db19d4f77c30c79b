#include <cmath>
#include <numbers>

#include "kernels/activation/activation.h"
#include "kernels/at_level.h"

namespace ttt::kernels::reference {
namespace {

double relu(double x) { return x > 0 || std::isnan(x) ? x : 0; }
double relu2(double x) { return relu(x) * relu(x); }
// The tail's own function: 1 + erf cancels for negative x.
double gelu(double x) { return x / 2 * std::erfc(-x / std::numbers::sqrt2); }
// No overflow: the exponential is at most 1.
double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}
// x/2 (1 + tanh(u)) = x sigmoid(2u), which does not cancel for negative x.
double gelu_tanh(double x) { return x * sigmoid(2 * std::sqrt(2 * std::numbers::inv_pi) * (x + 0.044715 * x * x * x)); }
double quick_gelu(double x) { return x * sigmoid(1.702 * x); }
double silu(double x) { return x * sigmoid(x); }
double tanh_of(double x) { return std::tanh(x); }

template <double (*kOf)(double)>
void apply(float* values, std::int64_t n, const ActivationParams&) noexcept {
  for (std::int64_t i = 0; i < n; ++i) values[i] = static_cast<float>(kOf(static_cast<double>(values[i])));
}

}  // namespace

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, ActivationKernels, .relu = apply<relu>, .relu2 = apply<relu2>, .gelu = apply<gelu>,
               .gelu_tanh = apply<gelu_tanh>, .quick_gelu = apply<quick_gelu>, .silu = apply<silu>,
               .sigmoid = apply<sigmoid>, .tanh = apply<tanh_of>)
}  // namespace ttt::kernels
