#include "kernels/activation/xielu.h"

#include <math.h>

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

constexpr std::int64_t kRun = 1024;

// log(1 + e^a) without overflow.
float softplus(float a) { return (a > 0 ? a : 0) + log1pf(expf(a > 0 ? -a : a)); }

struct Numbers {
  F32 p, n, beta, eps;
};

// e^m - 1 - m for m <= 0. Near zero both subtractions cancel, and the series to m^8 takes over.
TTT_INLINE F32 exp_beyond_linear(F32 m) {
  F32 s = splat(1.0f / 40320);
  s = fma(s, m, splat(1.0f / 5040));
  s = fma(s, m, splat(1.0f / 720));
  s = fma(s, m, splat(1.0f / 120));
  s = fma(s, m, splat(1.0f / 24));
  s = fma(s, m, splat(1.0f / 6));
  s = fma(s, m, splat(0.5f));
  return where_less(m, splat(-0.75f), exp(m) - splat(1.0f) - m, s * m * m);
}

TTT_INLINE F32 xielu_of(F32 x, const Numbers& c) {
  const F32 positive = fma(c.p * x, x, c.beta * x);
  const F32 m = min(c.eps, x);
  const F32 negative = fma(exp_beyond_linear(m) + (m - x), c.n, c.beta * x);
  return where_less(zero(), x, positive, negative);
}

}  // namespace

void xielu(Exec& exec, const XieluArgs& args) noexcept {
  const Numbers c{splat(softplus(*args.alpha_p.row<float>(0))),
                  splat(args.beta + softplus(*args.alpha_n.row<float>(0))), splat(args.beta), splat(args.eps)};
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1), runs = (dim + kRun - 1) / kRun;
  exec.threads.parallel_for(rows * runs, [&](std::int64_t task) {
    float* x = args.x.row<float>(task / runs) + task % runs * kRun;
    const std::int64_t left = dim - task % runs * kRun, n = left < kRun ? left : kRun;
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(x + i, xielu_of(load(x + i), c));
    if (i < n) store_part(x + i, xielu_of(load_part(x + i, n - i), c), n - i);
  });
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(XieluKernels, .xielu = xielu)
}  // namespace ttt::kernels
