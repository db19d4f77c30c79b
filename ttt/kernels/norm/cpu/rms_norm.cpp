#include "kernels/norm/rms_norm.h"

#include "kernels/cpu/simd.h"
#include "kernels/norm/cpu/for_rows.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

TTT_INLINE float mean_square(const float* x, std::int64_t n) {
  F32 a = zero(), b = zero();
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    const F32 u = load(x + i), v = load(x + i + kLanes);
    a = fma(u, u, a);
    b = fma(v, v, b);
  }
  for (; i < n; i += kLanes) {
    const F32 u = n - i < kLanes ? load_part(x + i, n - i) : load(x + i);
    a = fma(u, u, a);
  }
  return sum(a + b) / static_cast<float>(n);
}

template <bool kAdd>
TTT_INLINE void norm_row(const RmsNormArgs& args, std::int64_t r) {
  const std::int64_t n = args.x.dim(1);
  const float* x = args.x.row<float>(r);
  const float* w = args.weight.data == nullptr ? nullptr : args.weight.row<float>(0);
  float* y = args.y.row<float>(r);
  const F32 inverse = splat(1.0f) / sqrt(splat(mean_square(x, n) + args.eps));
  const F32 offset = splat(args.weight_offset);
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const std::int64_t left = n - i;
    const bool part = left < kLanes;
    const F32 gain = w == nullptr ? splat(1.0f) : offset + (part ? load_part(w + i, left) : load(w + i));
    F32 v = (part ? load_part(x + i, left) : load(x + i)) * inverse * gain;
    if (kAdd) v = v + (part ? load_part(y + i, left) : load(y + i));
    if (part) {
      store_part(y + i, v, left);
    } else {
      store(y + i, v);
    }
  }
}

template <bool kAdd>
TTT_INLINE void run(Exec& exec, const RmsNormArgs& args) {
  for_rows(exec, args.x.dim(0), [&](std::int64_t r) { norm_row<kAdd>(args, r); });
}

}  // namespace

void rms_norm(Exec& exec, const RmsNormArgs& args) noexcept { run<false>(exec, args); }
void rms_norm_add(Exec& exec, const RmsNormArgs& args) noexcept { run<true>(exec, args); }

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(RmsNormKernels, .norm = rms_norm, .norm_add = rms_norm_add)
}  // namespace ttt::kernels
