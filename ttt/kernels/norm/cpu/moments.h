#pragma once

#include "kernels/cpu/simd.h"

// Sums over a row, and its normalisation: shared by the norms of this folder.
namespace ttt::kernels::TTT_LEVEL {

// calls f(index, lanes that exist) over [0, n).
template <class F>
TTT_INLINE void for_lanes(std::int64_t n, const F& f) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}

TTT_INLINE F32 load_some(const float* p, std::int64_t lanes) { return lanes < kLanes ? load_part(p, lanes) : load(p); }
TTT_INLINE void store_some(float* p, F32 v, std::int64_t lanes) {
  if (lanes < kLanes) {
    store_part(p, v, lanes);
  } else {
    store(p, v);
  }
}

struct Moments {
  float mean = 0, squares = 0;  // squares: sum of squared distances from the mean
};

// Two passes: the second sums the distances d from the first pass's mean, whose rounding they reveal:
// mean += sum(d) / n, squares = sum(d^2) - sum(d)^2 / n.
TTT_INLINE Moments moments(const float* x, std::int64_t n) {
  if (n == 0) return {};
  F32 s = zero();
  for_lanes(n, [&](std::int64_t i, std::int64_t lanes) { s = s + load_some(x + i, lanes); });
  const float count = static_cast<float>(n), first = sum(s) / count;
  F32 d1 = zero(), d2 = zero();
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const F32 d = load(x + i) - splat(first);
    d1 = d1 + d;
    d2 = fma(d, d, d2);
  }
  float left = 0, left_squares = 0;  // lanes that do not exist would count as -mean
  for (; i < n; ++i) {
    const float d = x[i] - first;
    left += d;
    left_squares += d * d;
  }
  const float distance = sum(d1) + left, squares = sum(d2) + left_squares;
  const float exact = squares - distance * (distance / count);
  return {first + distance / count, exact > 0 || exact != exact ? exact : 0};
}

// The same about 0.
TTT_INLINE Moments moments_about_zero(const float* x, std::int64_t n) {
  F32 s = zero();
  for_lanes(n, [&](std::int64_t i, std::int64_t lanes) {
    const F32 v = load_some(x + i, lanes);
    s = fma(v, v, s);
  });
  return {0, sum(s)};
}

struct RowScale {
  float mean = 0, inverse = 1;    // inverse: 1 / sqrt(squares / n + eps)
  const float* weight = nullptr;  // null: ones, without offset
  const float* bias = nullptr;    // null: zeros
  float weight_offset = 0;
};

// y = (x - mean) * inverse * (offset + weight) + bias, or y += that.
template <bool kAdd>
TTT_INLINE void scale_row(const float* x, float* y, std::int64_t n, const RowScale& s) {
  const F32 mean = splat(s.mean), inverse = splat(s.inverse), offset = splat(s.weight_offset);
  for_lanes(n, [&](std::int64_t i, std::int64_t lanes) {
    F32 v = (load_some(x + i, lanes) - mean) * inverse;
    if (s.weight != nullptr) v = v * (offset + load_some(s.weight + i, lanes));
    if (s.bias != nullptr) v = v + load_some(s.bias + i, lanes);
    if (kAdd) v = v + load_some(y + i, lanes);
    store_some(y + i, v, lanes);
  });
}

TTT_INLINE const float* values_or_null(const ConstTensorView& v) {
  return v.data == nullptr ? nullptr : v.row<float>(0);
}

// 1 / sqrt(mean_square + eps), rounded like the vector form.
TTT_INLINE float inverse_root(float mean_square, float eps) {
  return 1.0f / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(mean_square + eps)));
}

}  // namespace ttt::kernels::TTT_LEVEL
