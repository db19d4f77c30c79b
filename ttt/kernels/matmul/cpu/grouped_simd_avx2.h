#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_floats.h"

namespace ttt::kernels::TTT_LEVEL::grouped {

struct Ints {
  __m256i a, b;  // channels 0..7, 8..15
};
struct Bytes {
  __m256i a, b;
};
using Quad = __m256i;

// 4 rows: 8 registers of dots; the sums of rows are spilled, once per group.
inline constexpr int kGroupedRows = 4;
inline constexpr int kGroupedPanels = 1;

TTT_INLINE __m256i load_256(const std::byte* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
TTT_INLINE __m128i load_64(const std::byte* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }

TTT_INLINE Floats to_floats(Ints x) { return {F32{_mm256_cvtepi32_ps(x.a)}, F32{_mm256_cvtepi32_ps(x.b)}}; }
// p[2i] + p[2i + 1]
TTT_INLINE __m256i pair_sums_256(const std::int32_t* p) {
  const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8));
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xD8);  // from 0 1 4 5 2 3 6 7
}
TTT_INLINE Ints pair_sums(const std::int32_t* p) { return {pair_sums_256(p), pair_sums_256(p + 16)}; }
TTT_INLINE Ints load_ints(const std::int32_t* p) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)),
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8))};
}
TTT_INLINE void store_ints(std::int32_t* p, Ints x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 8), x.b);
}
TTT_INLINE Ints mul_ints(Ints x, int by) {
  return {_mm256_mullo_epi32(x.a, _mm256_set1_epi32(by)), _mm256_mullo_epi32(x.b, _mm256_set1_epi32(by))};
}
TTT_INLINE Ints widen_u8(const std::byte* p) {
  return {_mm256_cvtepu8_epi32(load_64(p)), _mm256_cvtepu8_epi32(load_64(p + 8))};
}
TTT_INLINE Floats load_halves(const std::byte* p) {
  return parts<Floats>([p](int i) { return load_f16(reinterpret_cast<const std::uint16_t*>(p) + 8 * i); });
}
TTT_INLINE Floats load_u8(const std::byte* p) { return to_floats(widen_u8(p)); }
// Of 16 bytes, the lower and the upper four bits.
TTT_INLINE Floats load_low_nibbles(const std::byte* p) {
  const Ints x = widen_u8(p);
  const __m256i m = _mm256_set1_epi32(15);
  return to_floats(Ints{_mm256_and_si256(x.a, m), _mm256_and_si256(x.b, m)});
}
TTT_INLINE Floats load_high_nibbles(const std::byte* p) {
  const Ints x = widen_u8(p);
  return to_floats(Ints{_mm256_srli_epi32(x.a, 4), _mm256_srli_epi32(x.b, 4)});
}
TTT_INLINE Floats load_i8(const std::byte* p) {
  return parts<Floats>([p](int i) { return TTT_LEVEL::load_i8(reinterpret_cast<const std::int8_t*>(p) + 8 * i); });
}
// 2^(e - 127) for 16 exponents.
TTT_INLINE Floats load_exponents(const std::byte* p) {
  const Ints e = widen_u8(p);
  return {F32{_mm256_castsi256_ps(_mm256_slli_epi32(e.a, 23))}, F32{_mm256_castsi256_ps(_mm256_slli_epi32(e.b, 23))}};
}

TTT_INLINE Bytes load_bytes(const std::byte* p) { return {load_256(p), load_256(p + 32)}; }
TTT_INLINE void store_bytes(std::byte* p, Bytes x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x.a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), x.b);
}
template <int kMask>
TTT_INLINE Bytes masked(Bytes x) {
  const __m256i m = _mm256_set1_epi8(kMask);
  return {_mm256_and_si256(x.a, m), _mm256_and_si256(x.b, m)};
}
template <int kMask>
TTT_INLINE Bytes with_masked(Bytes x, Bytes y) {  // x | (y & kMask)
  const Bytes m = masked<kMask>(y);
  return {_mm256_or_si256(x.a, m.a), _mm256_or_si256(x.b, m.b)};
}
template <int kBy>
TTT_INLINE Bytes minus(Bytes x) {
  const __m256i by = _mm256_set1_epi8(static_cast<char>(kBy));
  return {_mm256_sub_epi8(x.a, by), _mm256_sub_epi8(x.b, by)};
}
// Bits that cross from byte to byte are masked away by the callers.
template <int kBy>
TTT_INLINE Bytes shifted(Bytes x) {
  if constexpr (kBy > 0) return {_mm256_srli_epi16(x.a, kBy), _mm256_srli_epi16(x.b, kBy)};
  if constexpr (kBy < 0) return {_mm256_slli_epi16(x.a, -kBy), _mm256_slli_epi16(x.b, -kBy)};
  return x;
}
// table_code of 4-bit numbers.
TTT_INLINE Bytes iq4_codes(Bytes x) {
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kIq4Codes)));
  return {_mm256_shuffle_epi8(table, x.a), _mm256_shuffle_epi8(table, x.b)};
}
TTT_INLINE Bytes fp4_codes(Bytes x) {
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0));
  return {_mm256_shuffle_epi8(table, x.a), _mm256_shuffle_epi8(table, x.b)};
}
TTT_INLINE Quad load_quad(const std::int8_t* p) {
  std::int32_t v;
  std::memcpy(&v, p, 4);
  return _mm256_set1_epi32(v);
}
TTT_INLINE void prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
TTT_INLINE void prefetch_l2(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

// The j-th of 4 numbers per channel, as a vector over the channels.
TTT_INLINE Floats quarter_of(Bytes x, int j) {
  const __m256i m = _mm256_set1_epi32(255);
  return to_floats(
      {_mm256_and_si256(_mm256_srli_epi32(x.a, 8 * j), m), _mm256_and_si256(_mm256_srli_epi32(x.b, 8 * j), m)});
}

#if defined(__AVXVNNI__)

template <int kBits>
struct Dot {
  static constexpr bool kCentred = false;
  using Operand = Bytes;
  Ints sum;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) { sum = {_mm256_set1_epi32(init), _mm256_set1_epi32(init)}; }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    sum.a = _mm256_dpbusd_avx_epi32(sum.a, w.a, x);
    sum.b = _mm256_dpbusd_avx_epi32(sum.b, w.b, x);
  }
  TTT_INLINE_MEMBER Ints result() const { return sum; }
};

#else

// Codes of at most 6 bits: pairs of products fit i16, and so do sums of 8 (up to 4 bits), 4 (5 bits) or 2 (6 bits) of
// them.
template <int kBits>
struct Dot {
  static constexpr bool kCentred = false;
  static constexpr int kRun = kBits <= 4 ? 8 : kBits == 5 ? 4 : 2;
  using Operand = Bytes;
  Ints sum;
  __m256i run_a, run_b;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) { sum = {_mm256_set1_epi32(init), _mm256_set1_epi32(init)}; }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    const __m256i pairs_a = _mm256_maddubs_epi16(w.a, x), pairs_b = _mm256_maddubs_epi16(w.b, x);
    run_a = kStep % kRun == 0 ? pairs_a : _mm256_add_epi16(run_a, pairs_a);
    run_b = kStep % kRun == 0 ? pairs_b : _mm256_add_epi16(run_b, pairs_b);
    if (kStep % kRun == kRun - 1 || kStep == kSteps - 1) {
      const __m256i ones = _mm256_set1_epi16(1);
      sum.a = _mm256_add_epi32(sum.a, _mm256_madd_epi16(run_a, ones));
      sum.b = _mm256_add_epi32(sum.b, _mm256_madd_epi16(run_b, ones));
    }
  }
  TTT_INLINE_MEMBER Ints result() const { return sum; }
};

// 8 bits: |code - 128| is the unsigned operand, its sign goes to the activation: 2 x 128 x 127 fits i16.
template <>
struct Dot<8> {
  static constexpr bool kCentred = true;
  struct Operand {
    Bytes centred, magnitude;
  };
  Ints sum;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) {
    const __m256i flip = _mm256_set1_epi8(-128);
    const Bytes centred{_mm256_xor_si256(codes.a, flip), _mm256_xor_si256(codes.b, flip)};
    return {centred, {_mm256_abs_epi8(centred.a), _mm256_abs_epi8(centred.b)}};
  }
  TTT_INLINE_MEMBER void start(std::int32_t) { sum = {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    const __m256i ones = _mm256_set1_epi16(1);
    const __m256i pairs_a = _mm256_maddubs_epi16(w.magnitude.a, _mm256_sign_epi8(x, w.centred.a));
    const __m256i pairs_b = _mm256_maddubs_epi16(w.magnitude.b, _mm256_sign_epi8(x, w.centred.b));
    sum.a = _mm256_add_epi32(sum.a, _mm256_madd_epi16(pairs_a, ones));
    sum.b = _mm256_add_epi32(sum.b, _mm256_madd_epi16(pairs_b, ones));
  }
  TTT_INLINE_MEMBER Ints result() const { return sum; }
};

#endif

}  // namespace ttt::kernels::TTT_LEVEL::grouped
