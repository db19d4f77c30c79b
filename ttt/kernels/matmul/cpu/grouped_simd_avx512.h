#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_floats.h"

namespace ttt::kernels::TTT_LEVEL::grouped {

using Ints = __m512i;
using Bytes = __m512i;
using Quad = __m512i;

// 32 registers hold 6 rows x 2 panels of sums, their dots, and two operands.
inline constexpr int kGroupedRows = 6;
inline constexpr int kGroupedPanels = 2;

TTT_INLINE Floats to_floats(Ints x) { return {F32{_mm512_cvtepi32_ps(x)}}; }
// p[2i] + p[2i + 1]
TTT_INLINE Ints pair_sums(const std::int32_t* p) {
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  const __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 16);
  return _mm512_add_epi32(_mm512_permutex2var_epi32(a, even, b), _mm512_permutex2var_epi32(a, odd, b));
}
TTT_INLINE Ints load_ints(const std::int32_t* p) { return _mm512_loadu_si512(p); }
TTT_INLINE void store_ints(std::int32_t* p, Ints x) { _mm512_storeu_si512(p, x); }
TTT_INLINE Ints mul_ints(Ints x, int by) { return _mm512_mullo_epi32(x, _mm512_set1_epi32(by)); }
TTT_INLINE __m512i widen_u8(const std::byte* p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
TTT_INLINE Floats load_halves(const std::byte* p) { return {load_f16(reinterpret_cast<const std::uint16_t*>(p))}; }
TTT_INLINE Floats load_u8(const std::byte* p) { return to_floats(widen_u8(p)); }
// Of 16 bytes, the lower and the upper four bits.
TTT_INLINE Floats load_low_nibbles(const std::byte* p) {
  return to_floats(_mm512_and_si512(widen_u8(p), _mm512_set1_epi32(15)));
}
TTT_INLINE Floats load_high_nibbles(const std::byte* p) { return to_floats(_mm512_srli_epi32(widen_u8(p), 4)); }
TTT_INLINE Floats load_i8(const std::byte* p) { return {TTT_LEVEL::load_i8(reinterpret_cast<const std::int8_t*>(p))}; }
// 2^(e - 127) for 16 exponents.
TTT_INLINE Floats load_exponents(const std::byte* p) {
  return {F32{_mm512_castsi512_ps(_mm512_slli_epi32(widen_u8(p), 23))}};
}

TTT_INLINE Bytes load_bytes(const std::byte* p) { return _mm512_loadu_si512(p); }
TTT_INLINE void store_bytes(std::byte* p, Bytes x) { _mm512_storeu_si512(p, x); }
template <int kMask>
TTT_INLINE Bytes masked(Bytes x) {
  return _mm512_and_si512(x, _mm512_set1_epi8(kMask));
}
template <int kMask>
TTT_INLINE Bytes with_masked(Bytes x, Bytes y) {  // x | (y & kMask)
  return _mm512_ternarylogic_epi64(x, y, _mm512_set1_epi8(kMask), 0xF8);
}
template <int kBy>
TTT_INLINE Bytes minus(Bytes x) {
  return _mm512_sub_epi8(x, _mm512_set1_epi8(static_cast<char>(kBy)));
}
// Bits that cross from byte to byte are masked away by the callers.
template <int kBy>
TTT_INLINE Bytes shifted(Bytes x) {
  if constexpr (kBy > 0) return _mm512_srli_epi16(x, kBy);
  if constexpr (kBy < 0) return _mm512_slli_epi16(x, -kBy);
  return x;
}
// table_code of 4-bit numbers.
TTT_INLINE Bytes iq4_codes(Bytes x) {
  const __m128i table = _mm_loadu_si128(reinterpret_cast<const __m128i*>(kIq4Codes));
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), x);
}
TTT_INLINE Bytes fp4_codes(Bytes x) {
  const __m128i table = _mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0);
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(table), x);
}
TTT_INLINE Quad load_quad(const std::int8_t* p) {
  std::int32_t v;
  std::memcpy(&v, p, 4);
  return _mm512_set1_epi32(v);
}
TTT_INLINE void prefetch(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
TTT_INLINE void prefetch_l2(const std::byte* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1); }

// The j-th of 4 numbers per channel, as a vector over the channels.
TTT_INLINE Floats quarter_of(Bytes x, int j) {
  return to_floats(_mm512_and_si512(_mm512_srli_epi32(x, static_cast<unsigned>(8 * j)), _mm512_set1_epi32(255)));
}

#if defined(__AVX512VNNI__)

template <int kBits>
struct Dot {
  static constexpr bool kCentred = false;
  using Operand = Bytes;
  __m512i sum;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) { sum = _mm512_set1_epi32(init); }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    sum = _mm512_dpbusd_epi32(sum, w, x);
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
  __m512i sum, run;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) { sum = _mm512_set1_epi32(init); }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    const __m512i pairs = _mm512_maddubs_epi16(w, x);
    run = kStep % kRun == 0 ? pairs : _mm512_add_epi16(run, pairs);
    if (kStep % kRun == kRun - 1 || kStep == kSteps - 1) {
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(run, _mm512_set1_epi16(1)));
    }
  }
  TTT_INLINE_MEMBER Ints result() const { return sum; }
};

// 8 bits: |code - 128| is the unsigned operand, its sign goes to the activation: 2 x 128 x 127 fits i16.
template <>
struct Dot<8> {
  static constexpr bool kCentred = true;
  struct Operand {
    __m512i magnitude;
    __mmask64 negative;
  };
  __m512i sum;

  static TTT_INLINE_MEMBER Operand operand(Bytes codes) {
    const __m512i centred = _mm512_xor_si512(codes, _mm512_set1_epi8(-128));
    return {_mm512_abs_epi8(centred), _mm512_movepi8_mask(centred)};
  }
  TTT_INLINE_MEMBER void start(std::int32_t) { sum = _mm512_setzero_si512(); }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(Operand w, Quad x) {
    const __m512i signed_x = _mm512_mask_sub_epi8(x, w.negative, _mm512_setzero_si512(), x);
    const __m512i pairs = _mm512_maddubs_epi16(w.magnitude, signed_x);
    sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)));
  }
  TTT_INLINE_MEMBER Ints result() const { return sum; }
};

#endif

}  // namespace ttt::kernels::TTT_LEVEL::grouped
