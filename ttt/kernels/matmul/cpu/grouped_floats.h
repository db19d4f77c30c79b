#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/simd.h"

// 16 floats, one for each channel of a panel, in as many vectors of the level as that takes.
namespace ttt::kernels::TTT_LEVEL::grouped {

inline constexpr int kParts = 16 / static_cast<int>(kLanes);
struct Floats {
  F32 v[kParts];
};

// f(i) for every part.
template <class Vector, class F>
TTT_INLINE Vector parts(const F& f) {
  Vector x;
#pragma GCC unroll 4
  for (int i = 0; i < kParts; ++i) x.v[i] = f(i);
  return x;
}

TTT_INLINE Floats all_floats(float x) {
  return parts<Floats>([x](int) { return splat(x); });
}
TTT_INLINE Floats zero_floats() {
  return parts<Floats>([](int) { return zero(); });
}
TTT_INLINE Floats load_floats(const void* p) {
  const float* f = static_cast<const float*>(p);
  return parts<Floats>([f](int i) { return load(f + i * kLanes); });
}
TTT_INLINE void store_floats(float* p, const Floats& x) {
#pragma GCC unroll 4
  for (int i = 0; i < kParts; ++i) store(p + i * kLanes, x.v[i]);
}
TTT_INLINE Floats add(const Floats& x, const Floats& y) {
  return parts<Floats>([&](int i) { return x.v[i] + y.v[i]; });
}
TTT_INLINE Floats mul(const Floats& x, const Floats& y) {
  return parts<Floats>([&](int i) { return x.v[i] * y.v[i]; });
}
TTT_INLINE Floats fma(const Floats& x, const Floats& y, const Floats& z) {
  return parts<Floats>([&](int i) { return TTT_LEVEL::fma(x.v[i], y.v[i], z.v[i]); });
}

}  // namespace ttt::kernels::TTT_LEVEL::grouped
