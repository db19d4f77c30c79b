#include <algorithm>
#include <cmath>

#include "kernels/activation/xielu.h"
#include "kernels/at_level.h"

namespace ttt::kernels::reference {
namespace {

// log(1 + e^a) without overflow.
double softplus(double a) { return std::max(a, 0.0) + std::log1p(std::exp(-std::fabs(a))); }

}  // namespace

void xielu(Exec& exec, const XieluArgs& args) noexcept {
  const double beta = static_cast<double>(args.beta), eps = static_cast<double>(args.eps);
  const double p = softplus(static_cast<double>(*args.alpha_p.row<float>(0)));
  const double n = beta + softplus(static_cast<double>(*args.alpha_n.row<float>(0)));
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) {
    float* x = args.x.row<float>(r);
    for (std::int64_t i = 0; i < args.x.dim(1); ++i) {
      const double v = static_cast<double>(x[i]);
      const double curve = v > 0 ? p * v * v : n * (std::expm1(std::min(v, eps)) - v);
      x[i] = static_cast<float>(curve + beta * v);
    }
  });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, XieluKernels, .xielu = xielu)
}  // namespace ttt::kernels
