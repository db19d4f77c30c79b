#include "kernels/activation/clamp.h"

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

// min and max return their second operand where one is NaN.
TTT_INLINE F32 clamp_of(F32 x, F32 limit) { return min(limit, max(zero() - limit, x)); }

}  // namespace

void clamp(Exec& exec, const ClampArgs& args) noexcept {
  const F32 limit = splat(args.limit);
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) {
    float* x = args.x.row<float>(r);
    const std::int64_t n = args.x.dim(1);
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(x + i, clamp_of(load(x + i), limit));
    if (i < n) store_part(x + i, clamp_of(load_part(x + i, n - i), limit), n - i);
  });
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(ClampKernels, .clamp = clamp)
}  // namespace ttt::kernels
