#include "kernels/activation/activation.h"

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

// 1 / (1 + e^-x) without overflow: e^-|x| is at most 1.
TTT_INLINE F32 sigmoid_of(F32 x) {
  const F32 e = exp(zero() - abs(x));
  const F32 r = splat(1.0f) / (splat(1.0f) + e);
  return where_less(x, zero(), e * r, r);
}

// The normal distribution's upper tail Q(a) = erfc(a / sqrt(2)) / 2 for a >= 0, in relative precision:
// e^(-a^2/2) * t * p(t) with t = 1 / (1 + 0.24 a). p is interpolated at Chebyshev nodes over a in [0, 14], to 4e-9.
constexpr float kTailScale = 2.5952380952f, kTailShift = -1.5952380952f;  // t to [-1, 1]
constexpr float kTail[10] = {0.221889988f,   0.1560684f,       0.0824103206f,    0.0315323658f,   0.00776465004f,
                             0.00066161243f, -0.000264198607f, -7.59708928e-05f, 8.03676994e-06f, 4.7931544e-06f};

TTT_INLINE F32 normal_tail(F32 a) {
  a = min(splat(14.0f), a);
  const F32 t = splat(1.0f) / fma(a, splat(0.24f), splat(1.0f));
  const F32 s = fma(t, splat(kTailScale), splat(kTailShift));
  F32 p = splat(kTail[9]);
#pragma GCC unroll 9
  for (int i = 8; i >= 0; --i) p = fma(p, s, splat(kTail[i]));
  // What rounding a^2 loses would count a^2 / 2 times in the exponential.
  const F32 z = a * a, lost = fma(a, a, zero() - z);
  const F32 e = exp(z * splat(-0.5f));
  return fma(e * splat(-0.5f), lost, e) * (t * p);
}

struct Relu {
  TTT_INLINE F32 of(F32 x) { return max(zero(), x); }
};
struct Relu2 {
  TTT_INLINE F32 of(F32 x) {
    const F32 r = max(zero(), x);
    return r * r;
  }
};
struct Gelu {
  TTT_INLINE F32 of(F32 x) {
    const F32 q = normal_tail(abs(x));
    return x * where_less(x, zero(), q, splat(1.0f) - q);
  }
};
struct GeluTanh {
  // x/2 (1 + tanh(u)) = x sigmoid(2u), which does not cancel for negative x.
  TTT_INLINE F32 of(F32 x) {
    const F32 cubic = fma(x * x * x, splat(0.044715f), x);
    return x * sigmoid_of(cubic * splat(1.5957691216f));
  }
};
struct QuickGelu {
  TTT_INLINE F32 of(F32 x) { return x * sigmoid_of(x * splat(1.702f)); }
};
struct Silu {
  TTT_INLINE F32 of(F32 x) { return x * sigmoid_of(x); }
};
struct Sigmoid {
  TTT_INLINE F32 of(F32 x) { return sigmoid_of(x); }
};
struct Tanh {
  TTT_INLINE F32 of(F32 x) { return tanh(x); }
};

template <class F>
void apply(float* values, std::int64_t n, const ActivationParams&) noexcept {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(values + i, F::of(load(values + i)));
  if (i < n) store_part(values + i, F::of(load_part(values + i, n - i)), n - i);
}

}  // namespace

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(ActivationKernels, .relu = apply<Relu>, .relu2 = apply<Relu2>, .gelu = apply<Gelu>,
            .gelu_tanh = apply<GeluTanh>, .quick_gelu = apply<QuickGelu>, .silu = apply<Silu>,
            .sigmoid = apply<Sigmoid>, .tanh = apply<Tanh>)
}  // namespace ttt::kernels
