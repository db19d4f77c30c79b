#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {

// r[i] lane j becomes r[j] lane i. Only moves bits: the lanes may hold anything of 32 bits.
TTT_INLINE void transpose(F32 (&r)[kLanes]) {
#if defined(__AVX512F__)
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  const auto pd = [](__m512 v) __attribute__((always_inline)) { return _mm512_castps_pd(v); };
  const auto ps = [](__m512d v) __attribute__((always_inline)) { return _mm512_castpd_ps(v); };
  __m512 q[16];
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    q[i] = ps(_mm512_unpacklo_pd(pd(t[i]), pd(t[i + 2])));
    q[i + 1] = ps(_mm512_unpackhi_pd(pd(t[i]), pd(t[i + 2])));
    q[i + 2] = ps(_mm512_unpacklo_pd(pd(t[i + 1]), pd(t[i + 3])));
    q[i + 3] = ps(_mm512_unpackhi_pd(pd(t[i + 1]), pd(t[i + 3])));
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 a = _mm512_shuffle_f32x4(q[j], q[4 + j], 0x88), b = _mm512_shuffle_f32x4(q[8 + j], q[12 + j], 0x88);
    const __m512 c = _mm512_shuffle_f32x4(q[j], q[4 + j], 0xdd), d = _mm512_shuffle_f32x4(q[8 + j], q[12 + j], 0xdd);
    r[j].v = _mm512_shuffle_f32x4(a, b, 0x88);
    r[4 + j].v = _mm512_shuffle_f32x4(c, d, 0x88);
    r[8 + j].v = _mm512_shuffle_f32x4(a, b, 0xdd);
    r[12 + j].v = _mm512_shuffle_f32x4(c, d, 0xdd);
  }
#elif defined(__AVX2__)
  __m256 t[8], q[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i].v, r[i + 1].v);
    t[i + 1] = _mm256_unpackhi_ps(r[i].v, r[i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    q[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    q[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    q[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    q[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    r[j].v = _mm256_permute2f128_ps(q[j], q[4 + j], 0x20);
    r[4 + j].v = _mm256_permute2f128_ps(q[j], q[4 + j], 0x31);
  }
#else
  _MM_TRANSPOSE4_PS(r[0].v, r[1].v, r[2].v, r[3].v);
#endif
}

// dst[j][i] = src[i][j] for 16 x 16 values; strides in floats.
TTT_INLINE void transpose_16x16(const float* src, std::int64_t src_stride, float* dst, std::int64_t dst_stride) {
  for (std::int64_t i = 0; i < 16; i += kLanes) {
    for (std::int64_t j = 0; j < 16; j += kLanes) {
      F32 t[kLanes];
#pragma GCC unroll 16
      for (std::int64_t k = 0; k < kLanes; ++k) t[k] = load(src + (i + k) * src_stride + j);
      transpose(t);
#pragma GCC unroll 16
      for (std::int64_t k = 0; k < kLanes; ++k) store(dst + (j + k) * dst_stride + i, t[k]);
    }
  }
}

}  // namespace ttt::kernels::TTT_LEVEL
