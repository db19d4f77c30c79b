#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "kernels/cpu/level.h"
#include "kernels/formats/half.h"

// A vector of f32 at the level being compiled: 16, 8 or 4 lanes. Loads and stores need no alignment; stream, which
// stores past the caches, needs that of the vector, and other threads see what it stored after a store fence. `n` of
// partial operations is the number of lanes that exist, 0 < n < kLanes; the others read as zero and are not written.
namespace ttt::kernels::TTT_LEVEL {

#if defined(__AVX512F__)

struct F32 {
  __m512 v;
};
inline constexpr std::int64_t kLanes = 16;

TTT_INLINE __mmask16 lane_mask(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
TTT_INLINE F32 zero() { return {_mm512_setzero_ps()}; }
TTT_INLINE F32 splat(float x) { return {_mm512_set1_ps(x)}; }
TTT_INLINE F32 load(const float* p) { return {_mm512_loadu_ps(p)}; }
TTT_INLINE F32 load_part(const float* p, std::int64_t n) { return {_mm512_maskz_loadu_ps(lane_mask(n), p)}; }
TTT_INLINE void store(float* p, F32 a) { _mm512_storeu_ps(p, a.v); }
TTT_INLINE void stream(float* p, F32 a) { _mm512_stream_ps(p, a.v); }
TTT_INLINE void store_part(float* p, F32 a, std::int64_t n) { _mm512_mask_storeu_ps(p, lane_mask(n), a.v); }
TTT_INLINE F32 operator+(F32 a, F32 b) { return {_mm512_add_ps(a.v, b.v)}; }
TTT_INLINE F32 operator-(F32 a, F32 b) { return {_mm512_sub_ps(a.v, b.v)}; }
TTT_INLINE F32 operator*(F32 a, F32 b) { return {_mm512_mul_ps(a.v, b.v)}; }
TTT_INLINE F32 operator/(F32 a, F32 b) { return {_mm512_div_ps(a.v, b.v)}; }
TTT_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }  // a * b + c
TTT_INLINE F32 max(F32 a, F32 b) { return {_mm512_max_ps(a.v, b.v)}; }
TTT_INLINE F32 min(F32 a, F32 b) { return {_mm512_min_ps(a.v, b.v)}; }
TTT_INLINE F32 abs(F32 a) { return {_mm512_abs_ps(a.v)}; }
TTT_INLINE F32 sqrt(F32 a) { return {_mm512_sqrt_ps(a.v)}; }
// Round to the nearest integer, ties to even.
TTT_INLINE F32 round(F32 a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// a * 2^k for integral k whose result is normal or flushed to zero.
TTT_INLINE F32 scale_by_power(F32 a, F32 k) { return {_mm512_scalef_ps(a.v, k.v)}; }
TTT_INLINE F32 where_less(F32 a, F32 b, F32 yes, F32 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
TTT_INLINE float sum(F32 a) { return _mm512_reduce_add_ps(a.v); }
TTT_INLINE float largest(F32 a) { return _mm512_reduce_max_ps(a.v); }
TTT_INLINE F32 load_bf16(const std::uint16_t* p) {
  const __m256i h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(h), 16))};
}
TTT_INLINE F32 load_f16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
TTT_INLINE F32 load_i8(const std::int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
// Round to nearest even; NaN stays NaN.
TTT_INLINE void store_bf16(std::uint16_t* p, F32 a) {
  const __m512i u = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  __m512i r = _mm512_srli_epi32(_mm512_add_epi32(u, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  r = _mm512_mask_mov_epi32(r, nan, _mm512_set1_epi32(0x7fc0));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(r));
}

#elif defined(__AVX2__)

struct F32 {
  __m256 v;
};
inline constexpr std::int64_t kLanes = 8;

TTT_INLINE __m256i lane_mask(std::int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
TTT_INLINE F32 zero() { return {_mm256_setzero_ps()}; }
TTT_INLINE F32 splat(float x) { return {_mm256_set1_ps(x)}; }
TTT_INLINE F32 load(const float* p) { return {_mm256_loadu_ps(p)}; }
TTT_INLINE F32 load_part(const float* p, std::int64_t n) { return {_mm256_maskload_ps(p, lane_mask(n))}; }
TTT_INLINE void store(float* p, F32 a) { _mm256_storeu_ps(p, a.v); }
TTT_INLINE void stream(float* p, F32 a) { _mm256_stream_ps(p, a.v); }
TTT_INLINE void store_part(float* p, F32 a, std::int64_t n) { _mm256_maskstore_ps(p, lane_mask(n), a.v); }
TTT_INLINE F32 operator+(F32 a, F32 b) { return {_mm256_add_ps(a.v, b.v)}; }
TTT_INLINE F32 operator-(F32 a, F32 b) { return {_mm256_sub_ps(a.v, b.v)}; }
TTT_INLINE F32 operator*(F32 a, F32 b) { return {_mm256_mul_ps(a.v, b.v)}; }
TTT_INLINE F32 operator/(F32 a, F32 b) { return {_mm256_div_ps(a.v, b.v)}; }
TTT_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
TTT_INLINE F32 max(F32 a, F32 b) { return {_mm256_max_ps(a.v, b.v)}; }
TTT_INLINE F32 min(F32 a, F32 b) { return {_mm256_min_ps(a.v, b.v)}; }
TTT_INLINE F32 abs(F32 a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
TTT_INLINE F32 sqrt(F32 a) { return {_mm256_sqrt_ps(a.v)}; }
TTT_INLINE F32 round(F32 a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
TTT_INLINE F32 scale_by_power(F32 a, F32 k) {
  // In two halves, so that neither factor leaves the range of exponents.
  const __m256i i = _mm256_cvtps_epi32(_mm256_max_ps(k.v, _mm256_set1_ps(-252.0f)));
  const __m256i h = _mm256_srai_epi32(i, 1), bias = _mm256_set1_epi32(127);
  const __m256 f = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(h, bias), 23));
  const __m256 g = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(i, h), bias), 23));
  return {_mm256_mul_ps(_mm256_mul_ps(a.v, f), g)};
}
TTT_INLINE F32 where_less(F32 a, F32 b, F32 yes, F32 no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
}
TTT_INLINE float sum(F32 a) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
TTT_INLINE float largest(F32 a) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
TTT_INLINE F32 load_bf16(const std::uint16_t* p) {
  const __m128i h = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(h), 16))};
}
TTT_INLINE F32 load_f16(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
TTT_INLINE F32 load_i8(const std::int8_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}
TTT_INLINE void store_bf16(std::uint16_t* p, F32 a) {
  const __m256i u = _mm256_castps_si256(a.v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  __m256i r = _mm256_srli_epi32(_mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  r = _mm256_blendv_epi8(r, _mm256_set1_epi32(0x7fc0), nan);
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(r, r), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}

#else

struct F32 {
  __m128 v;
};
inline constexpr std::int64_t kLanes = 4;

TTT_INLINE F32 zero() { return {_mm_setzero_ps()}; }
TTT_INLINE F32 splat(float x) { return {_mm_set1_ps(x)}; }
TTT_INLINE F32 load(const float* p) { return {_mm_loadu_ps(p)}; }
TTT_INLINE F32 load_part(const float* p, std::int64_t n) {
  float t[4] = {};
  for (std::int64_t i = 0; i < n; ++i) t[i] = p[i];
  return {_mm_loadu_ps(t)};
}
TTT_INLINE void store(float* p, F32 a) { _mm_storeu_ps(p, a.v); }
TTT_INLINE void stream(float* p, F32 a) { _mm_stream_ps(p, a.v); }
TTT_INLINE void store_part(float* p, F32 a, std::int64_t n) {
  float t[4];
  _mm_storeu_ps(t, a.v);
  for (std::int64_t i = 0; i < n; ++i) p[i] = t[i];
}
TTT_INLINE F32 operator+(F32 a, F32 b) { return {_mm_add_ps(a.v, b.v)}; }
TTT_INLINE F32 operator-(F32 a, F32 b) { return {_mm_sub_ps(a.v, b.v)}; }
TTT_INLINE F32 operator*(F32 a, F32 b) { return {_mm_mul_ps(a.v, b.v)}; }
TTT_INLINE F32 operator/(F32 a, F32 b) { return {_mm_div_ps(a.v, b.v)}; }
TTT_INLINE F32 fma(F32 a, F32 b, F32 c) { return {_mm_add_ps(_mm_mul_ps(a.v, b.v), c.v)}; }
TTT_INLINE F32 max(F32 a, F32 b) { return {_mm_max_ps(a.v, b.v)}; }
TTT_INLINE F32 min(F32 a, F32 b) { return {_mm_min_ps(a.v, b.v)}; }
TTT_INLINE F32 abs(F32 a) { return {_mm_andnot_ps(_mm_set1_ps(-0.0f), a.v)}; }
TTT_INLINE F32 sqrt(F32 a) { return {_mm_sqrt_ps(a.v)}; }
// Only for |a| < 2^31.
TTT_INLINE F32 round(F32 a) { return {_mm_cvtepi32_ps(_mm_cvtps_epi32(a.v))}; }
TTT_INLINE F32 scale_by_power(F32 a, F32 k) {
  // In two halves, so that neither factor leaves the range of exponents.
  const __m128i i = _mm_cvtps_epi32(_mm_max_ps(k.v, _mm_set1_ps(-252.0f)));
  const __m128i h = _mm_srai_epi32(i, 1), bias = _mm_set1_epi32(127);
  const __m128 f = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(h, bias), 23));
  const __m128 g = _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(_mm_sub_epi32(i, h), bias), 23));
  return {_mm_mul_ps(_mm_mul_ps(a.v, f), g)};
}
TTT_INLINE F32 where_less(F32 a, F32 b, F32 yes, F32 no) {
  const __m128 m = _mm_cmplt_ps(a.v, b.v);
  return {_mm_or_ps(_mm_and_ps(m, yes.v), _mm_andnot_ps(m, no.v))};
}
TTT_INLINE float sum(F32 a) {
  __m128 s = _mm_add_ps(a.v, _mm_movehl_ps(a.v, a.v));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}
TTT_INLINE float largest(F32 a) {
  __m128 s = _mm_max_ps(a.v, _mm_movehl_ps(a.v, a.v));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}
TTT_INLINE F32 load_bf16(const std::uint16_t* p) {
  const __m128i h = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {_mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), h))};
}
TTT_INLINE F32 load_f16(const std::uint16_t* p) {
  return {_mm_setr_ps(f16_to_f32(p[0]), f16_to_f32(p[1]), f16_to_f32(p[2]), f16_to_f32(p[3]))};
}
TTT_INLINE F32 load_i8(const std::int8_t* p) {
  return {_mm_setr_ps(static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]),
                      static_cast<float>(p[3]))};
}
TTT_INLINE void store_bf16(std::uint16_t* p, F32 a) {
  float t[4];
  _mm_storeu_ps(t, a.v);
  for (int i = 0; i < 4; ++i) {
    std::uint32_t u = 0;
    std::memcpy(&u, &t[i], 4);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    p[i] = static_cast<std::uint16_t>(nan ? 0x7fc0u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
}

#endif

// e^x to about 2 ulp; below -87 it may be zero, above 88.7 infinity. NaN stays NaN.
TTT_INLINE F32 exp(F32 x) {
  // e^x = 2^k * e^r with |r| <= ln(2)/2, ln(2) in two parts (Cody and Waite), Taylor to degree 6.
  // maxps and minps return their second operand for NaN.
  const F32 c = max(splat(-104.0f), min(splat(89.0f), x));
  const F32 k = round(c * splat(1.44269504f));
  F32 r = fma(k, splat(-0.693359375f), c);
  r = fma(k, splat(2.12194440e-4f), r);
  F32 p = splat(1.0f / 720);
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  return scale_by_power(p, k);
}

// tanh to about 3 ulp. NaN stays NaN.
TTT_INLINE F32 tanh(F32 x) {
  // 1 - 2 / (e^2a + 1), which is 1 in f32 beyond 10. Below 0.625 it cancels, and a polynomial takes over.
  const F32 a = min(splat(10.0f), abs(x));
  const F32 large = splat(1.0f) - splat(2.0f) / (exp(a + a) + splat(1.0f));
  // x + x^3 p(x^2), coefficients of Cephes' tanhf.
  const F32 z = x * x;
  F32 p = splat(-5.70498872745e-3f);
  p = fma(p, z, splat(2.06390887954e-2f));
  p = fma(p, z, splat(-5.37397155531e-2f));
  p = fma(p, z, splat(1.33314422036e-1f));
  p = fma(p, z, splat(-3.33332819422e-1f));
  const F32 small = fma(p * z, x, x);
  return where_less(a, splat(0.625f), small, where_less(x, zero(), zero() - large, large));
}

}  // namespace ttt::kernels::TTT_LEVEL
