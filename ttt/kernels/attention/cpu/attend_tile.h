#pragma once

#include "kernels/attention/attend.h"
#include "kernels/cpu/simd.h"

// Products of a tile of queries with a tile of keys and of weights with values. Every sum runs over its index in
// ascending order in one accumulator per lane, whatever the tile's height: a query's result does not depend on the
// other queries.
namespace ttt::kernels::TTT_LEVEL {
namespace {

#if defined(__AVX512F__)
constexpr int kTileVectors = 4;
#else
constexpr int kTileVectors = 2;
#endif
constexpr int kTileRows = 6;
constexpr std::int64_t kTileKeys = 64, kTileDims = 64;
constexpr std::int64_t kTileColumns = kTileVectors * kLanes;

// s[i][0:64] (+)= sum over d in [0, dims) of q[i][d] keys[d][0:64]
template <int kRows>
TTT_INLINE void score_rows(const float* const* q, std::int64_t q_begin, const float* keys, std::int64_t dims,
                           bool accumulate, float* s) {
  for (std::int64_t column = 0; column < kTileKeys; column += kTileColumns) {
    F32 acc[kRows][kTileVectors];
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kTileVectors; ++j) {
        acc[i][j] = accumulate ? load(s + i * kMaxKeyBlock + column + j * kLanes) : zero();
      }
    }
    for (std::int64_t d = 0; d < dims; ++d) {
      F32 k[kTileVectors];
      for (int j = 0; j < kTileVectors; ++j) k[j] = load(keys + d * kTileKeys + column + j * kLanes);
      for (int i = 0; i < kRows; ++i) {
        const F32 x = splat(q[i][q_begin + d]);
        for (int j = 0; j < kTileVectors; ++j) acc[i][j] = fma(x, k[j], acc[i][j]);
      }
    }
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kTileVectors; ++j) store(s + i * kMaxKeyBlock + column + j * kLanes, acc[i][j]);
    }
  }
}

// Calls body with a constant number of rows, kTileRows at most, until `count` rows are done.
template <class Body>
TTT_INLINE void for_row_tiles(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + kTileRows <= count; i += kTileRows) body.template operator()<kTileRows>(i);
  switch (count - i) {
    case 1:
      body.template operator()<1>(i);
      break;
    case 2:
      body.template operator()<2>(i);
      break;
    case 3:
      body.template operator()<3>(i);
      break;
    case 4:
      body.template operator()<4>(i);
      break;
    case 5:
      body.template operator()<5>(i);
      break;
    default:
      break;
  }
}

// o[i][begin : begin + columns] = alpha[i] * itself + beta[i] * sum over j in [first, last) of p[i][j] values[j][...]
template <int kRows, int kVectors>
TTT_INLINE void mix_rows(const float* p, const float* const* values, std::int64_t first, std::int64_t last,
                         float* const* o, std::int64_t begin, std::int64_t at, std::int64_t columns, const float* alpha,
                         const float* beta) {
  F32 acc[kRows][kVectors];
  for (int i = 0; i < kRows; ++i) {
    for (int c = 0; c < kVectors; ++c) acc[i][c] = zero();
  }
  for (std::int64_t j = first; j < last; ++j) {
    F32 v[kVectors];
    for (int c = 0; c < kVectors; ++c) v[c] = load(values[j] + at + c * kLanes);
    for (int i = 0; i < kRows; ++i) {
      const F32 x = splat(p[i * kMaxKeyBlock + j]);
      for (int c = 0; c < kVectors; ++c) acc[i][c] = fma(x, v[c], acc[i][c]);
    }
  }
  for (int i = 0; i < kRows; ++i) {
    const F32 a = splat(alpha[i]), b = splat(beta[i]);
    for (int c = 0; c < kVectors; ++c) {
      float* to = o[i] + begin + at + c * kLanes;
      const std::int64_t n = columns - c * kLanes;
      if (n >= kLanes) {
        store(to, fma(acc[i][c], b, load(to) * a));
      } else {
        store_part(to, fma(acc[i][c], b, load_part(to, n) * a), n);
      }
    }
  }
}

// keys[d][j] = rows[j][d] for 64 rows and d in [0, dims). Four rows at a time, in every 128-bit lane.
#if defined(__AVX512F__)
TTT_INLINE __m512 load_lanes(const float* const* rows, std::int64_t d) {
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(rows[0] + d));
  v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(rows[4] + d));
  v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(rows[8] + d));
  return _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(rows[12] + d));
}
TTT_INLINE void transpose_four(const float* const* rows, std::int64_t d, float* to) {
  const __m512 a = load_lanes(rows, d), b = load_lanes(rows + 1, d), c = load_lanes(rows + 2, d),
               e = load_lanes(rows + 3, d);
  const __m512 ab = _mm512_unpacklo_ps(a, b), ce = _mm512_unpacklo_ps(c, e);
  const __m512 ab2 = _mm512_unpackhi_ps(a, b), ce2 = _mm512_unpackhi_ps(c, e);
  _mm512_storeu_ps(to, _mm512_shuffle_ps(ab, ce, 0x44));
  _mm512_storeu_ps(to + kTileKeys, _mm512_shuffle_ps(ab, ce, 0xee));
  _mm512_storeu_ps(to + 2 * kTileKeys, _mm512_shuffle_ps(ab2, ce2, 0x44));
  _mm512_storeu_ps(to + 3 * kTileKeys, _mm512_shuffle_ps(ab2, ce2, 0xee));
}
#elif defined(__AVX2__)
TTT_INLINE __m256 load_lanes(const float* const* rows, std::int64_t d) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows[0] + d)), _mm_loadu_ps(rows[4] + d), 1);
}
TTT_INLINE void transpose_four(const float* const* rows, std::int64_t d, float* to) {
  const __m256 a = load_lanes(rows, d), b = load_lanes(rows + 1, d), c = load_lanes(rows + 2, d),
               e = load_lanes(rows + 3, d);
  const __m256 ab = _mm256_unpacklo_ps(a, b), ce = _mm256_unpacklo_ps(c, e);
  const __m256 ab2 = _mm256_unpackhi_ps(a, b), ce2 = _mm256_unpackhi_ps(c, e);
  _mm256_storeu_ps(to, _mm256_shuffle_ps(ab, ce, 0x44));
  _mm256_storeu_ps(to + kTileKeys, _mm256_shuffle_ps(ab, ce, 0xee));
  _mm256_storeu_ps(to + 2 * kTileKeys, _mm256_shuffle_ps(ab2, ce2, 0x44));
  _mm256_storeu_ps(to + 3 * kTileKeys, _mm256_shuffle_ps(ab2, ce2, 0xee));
}
#else
TTT_INLINE void transpose_four(const float* const* rows, std::int64_t d, float* to) {
  __m128 a = _mm_loadu_ps(rows[0] + d), b = _mm_loadu_ps(rows[1] + d);
  __m128 c = _mm_loadu_ps(rows[2] + d), e = _mm_loadu_ps(rows[3] + d);
  _MM_TRANSPOSE4_PS(a, b, c, e);
  _mm_storeu_ps(to, a);
  _mm_storeu_ps(to + kTileKeys, b);
  _mm_storeu_ps(to + 2 * kTileKeys, c);
  _mm_storeu_ps(to + 3 * kTileKeys, e);
}
#endif

TTT_INLINE void transpose_rows(const float* const* rows, std::int64_t dims, float* keys) {
  for (std::int64_t j = 0; j < kTileKeys; j += kLanes) {
    std::int64_t d = 0;
    for (; d + 4 <= dims; d += 4) transpose_four(rows + j, d, keys + d * kTileKeys + j);
    for (; d < dims; ++d) {
      for (std::int64_t i = j; i < j + kLanes; ++i) keys[d * kTileKeys + i] = rows[i][d];
    }
  }
}

// The scale of the codes around value `at` of a stored row.
template <Format kFormat>
TTT_INLINE float scale_of(const std::byte* scales, std::int64_t at) {
  if constexpr (kFormat == Format::kInt8) {
    return reinterpret_cast<const float*>(scales)[static_cast<std::uint64_t>(at) / 32];
  } else {
    const std::int32_t exponent = reinterpret_cast<const std::int8_t*>(scales)[static_cast<std::uint64_t>(at) / 16];
    const std::uint32_t bits = static_cast<std::uint32_t>(exponent + 127) << 23;
    float power = 0;
    std::memcpy(&power, &bits, sizeof power);
    return power;
  }
}

// kLanes values of a stored row from value `at` on, or the `count` that there are and zeros.
template <Format kFormat>
TTT_INLINE F32 decode_vector(const std::byte* row, const std::byte* scales, std::int64_t at) {
  if constexpr (kFormat == Format::kF32) {
    return load(reinterpret_cast<const float*>(row) + at);
  } else if constexpr (kFormat == Format::kBF16) {
    return load_bf16(reinterpret_cast<const std::uint16_t*>(row) + at);
  } else {
    return load_i8(reinterpret_cast<const std::int8_t*>(row) + at) * splat(scale_of<kFormat>(scales, at));
  }
}
template <Format kFormat>
TTT_INLINE F32 decode_tail(const std::byte* row, const std::byte* scales, std::int64_t at, std::int64_t count) {
  if constexpr (kFormat == Format::kF32) {
    return load_part(reinterpret_cast<const float*>(row) + at, count);
  } else {
    constexpr std::int64_t kBytes = kFormat == Format::kBF16 ? 2 : 1;
    alignas(32) std::byte last[16 * kBytes] = {};  // loads of eight bytes take 16 codes with them
    std::memcpy(last, row + at * kBytes, static_cast<std::size_t>(count * kBytes));
    if constexpr (kFormat == Format::kBF16) return load_bf16(reinterpret_cast<const std::uint16_t*>(last));
    return load_i8(reinterpret_cast<const std::int8_t*>(last)) * splat(scale_of<kFormat>(scales, at));
  }
}

// Values [begin, begin + n) of a stored row as f32; begin is a multiple of kTileDims. Zeros up to a whole vector.
template <Format kFormat>
TTT_INLINE void decode_part(const std::byte* row, const std::byte* scales, std::int64_t begin, std::int64_t n,
                            float* to) {
  if (n == kTileDims) {  // as nearly always: without a loop
#pragma GCC unroll 16
    for (std::int64_t d = 0; d < kTileDims; d += kLanes) store(to + d, decode_vector<kFormat>(row, scales, begin + d));
    return;
  }
  std::int64_t d = 0;
  for (; d + kLanes <= n; d += kLanes) store(to + d, decode_vector<kFormat>(row, scales, begin + d));
  if (d < n) store(to + d, decode_tail<kFormat>(row, scales, begin + d, n - d));
}

// e^x, zero where it is below e^-87 and for minus infinity.
TTT_INLINE F32 weight(F32 x) { return where_less(x, splat(-87.0f), zero(), exp(x)); }

}  // namespace
}  // namespace ttt::kernels::TTT_LEVEL
