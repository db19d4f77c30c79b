#pragma once

#include <emmintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/formats/half.h"
#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_floats.h"

// The baseline: vectors over 16 channels in four registers each.
namespace ttt::kernels::TTT_LEVEL::grouped {

struct Ints {
  __m128i v[4];
};
struct Bytes {
  __m128i v[4];
};
using Quad = __m128i;  // 4 activation codes as i16, twice

inline constexpr int kGroupedRows = 1;
inline constexpr int kGroupedPanels = 1;

// A vector of f(0) .. f(15), where no instruction does it.
template <class F>
TTT_INLINE Floats make_floats(const F& f) {
  float x[16];
#pragma GCC unroll 1
  for (int i = 0; i < 16; ++i) x[i] = f(i);
  return load_floats(x);
}

TTT_INLINE __m128i load_128(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
TTT_INLINE void store_128(void* p, __m128i x) { _mm_storeu_si128(static_cast<__m128i*>(p), x); }

TTT_INLINE Floats to_floats(const Ints& x) {
  return parts<Floats>([&](int i) { return F32{_mm_cvtepi32_ps(x.v[i])}; });
}
// p[2i] + p[2i + 1]
TTT_INLINE Ints pair_sums(const std::int32_t* p) {
  return parts<Ints>([p](int i) {
    const __m128 x = _mm_castsi128_ps(load_128(p + 8 * i)), y = _mm_castsi128_ps(load_128(p + 8 * i + 4));
    return _mm_add_epi32(_mm_castps_si128(_mm_shuffle_ps(x, y, 0x88)), _mm_castps_si128(_mm_shuffle_ps(x, y, 0xDD)));
  });
}
TTT_INLINE Ints load_ints(const std::int32_t* p) {
  return parts<Ints>([p](int i) { return load_128(p + 4 * i); });
}
TTT_INLINE void store_ints(std::int32_t* p, const Ints& x) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) store_128(p + 4 * i, x.v[i]);
}
// |x * by| < 2^24, where products in f32 are exact.
TTT_INLINE Ints mul_ints(const Ints& x, int by) {
  const __m128 factor = _mm_set1_ps(static_cast<float>(by));
  return parts<Ints>([&](int i) { return _mm_cvtps_epi32(_mm_mul_ps(_mm_cvtepi32_ps(x.v[i]), factor)); });
}
TTT_INLINE Floats load_halves(const std::byte* p) {
  std::uint16_t h[16];
  std::memcpy(h, p, sizeof h);
  return make_floats([&](int i) { return f16_to_f32(h[i]); });
}
TTT_INLINE Floats load_u8(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(std::to_integer<int>(p[i])); });
}
// Of 16 bytes, the lower and the upper four bits.
TTT_INLINE Floats load_low_nibbles(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(std::to_integer<int>(p[i]) & 15); });
}
TTT_INLINE Floats load_high_nibbles(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(std::to_integer<int>(p[i]) >> 4); });
}
TTT_INLINE Floats load_i8(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(static_cast<std::int8_t>(p[i])); });
}
// 2^(e - 127) for 16 exponents.
TTT_INLINE Floats load_exponents(const std::byte* p) {
  return make_floats([&](int i) {
    const std::uint32_t bits = std::to_integer<std::uint32_t>(p[i]) << 23;
    float r;
    std::memcpy(&r, &bits, 4);
    return r;
  });
}

TTT_INLINE Bytes load_bytes(const std::byte* p) {
  return parts<Bytes>([p](int i) { return load_128(p + 16 * i); });
}
TTT_INLINE void store_bytes(std::byte* p, const Bytes& x) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) store_128(p + 16 * i, x.v[i]);
}
template <int kBy>
TTT_INLINE Bytes minus(const Bytes& x) {
  return parts<Bytes>([&](int i) { return _mm_sub_epi8(x.v[i], _mm_set1_epi8(static_cast<char>(kBy))); });
}
template <int kMask>
TTT_INLINE Bytes masked(const Bytes& x) {
  return parts<Bytes>([&](int i) { return _mm_and_si128(x.v[i], _mm_set1_epi8(kMask)); });
}
template <int kMask>
TTT_INLINE Bytes with_masked(const Bytes& x, const Bytes& y) {  // x | (y & kMask)
  return parts<Bytes>([&](int i) { return _mm_or_si128(x.v[i], _mm_and_si128(y.v[i], _mm_set1_epi8(kMask))); });
}
// Of 16 bits at once: what crosses from byte to byte is masked away by the callers.
template <int kBy>
TTT_INLINE Bytes shifted(const Bytes& x) {
  return parts<Bytes>(
      [&](int i) { return kBy > 0 ? _mm_srli_epi16(x.v[i], kBy & 7) : _mm_slli_epi16(x.v[i], -kBy & 7); });
}
// table_code of 4-bit numbers, one by one: the baseline cannot look up vectors.
TTT_INLINE Bytes iq4_codes(const Bytes& x) {
  std::byte codes[64];
  store_bytes(codes, x);
#pragma GCC unroll 1
  for (std::byte& code : codes) code = static_cast<std::byte>(kIq4Codes[std::to_integer<int>(code)]);
  return load_bytes(codes);
}
// table_code of 4-bit numbers: magnitudes grow by one up to 4, from there by two, and the last by four.
TTT_INLINE Bytes fp4_codes(const Bytes& x) {
  return parts<Bytes>([&](int i) {
    const __m128i m = _mm_and_si128(x.v[i], _mm_set1_epi8(7));
    const __m128i more = _mm_sub_epi8(_mm_max_epu8(m, _mm_set1_epi8(4)), _mm_set1_epi8(4));
    const __m128i last = _mm_and_si128(_mm_cmpeq_epi8(m, _mm_set1_epi8(7)), _mm_set1_epi8(2));
    const __m128i magnitude = _mm_add_epi8(_mm_add_epi8(m, more), last);
    const __m128i negative = _mm_cmpgt_epi8(x.v[i], _mm_set1_epi8(7));
    return _mm_add_epi8(_mm_sub_epi8(_mm_xor_si128(magnitude, negative), negative), _mm_set1_epi8(12));
  });
}
TTT_INLINE Quad load_quad(const std::int8_t* p) {
  std::int32_t four;
  std::memcpy(&four, p, 4);
  const __m128i x = _mm_cvtsi32_si128(four);
  const __m128i wide = _mm_srai_epi16(_mm_unpacklo_epi8(x, x), 8);
  return _mm_unpacklo_epi64(wide, wide);
}
TTT_INLINE void prefetch(const std::byte*) {}
TTT_INLINE void prefetch_l2(const std::byte*) {}

// The j-th of 4 numbers per channel, as a vector over the channels.
TTT_INLINE Floats quarter_of(const Bytes& x, int j) {
  return to_floats(
      parts<Ints>([&](int i) { return _mm_and_si128(_mm_srli_epi32(x.v[i], 8 * j), _mm_set1_epi32(255)); }));
}

// Two partial sums of each channel side by side: of its first two codes in a quad, and of its last two.
template <int kBits>
struct Dot {
  static constexpr bool kCentred = false;
  using Operand = Bytes;
  __m128i pairs[8];  // of two channels each

  static TTT_INLINE_MEMBER Operand operand(const Bytes& codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) {
    for (__m128i& p : pairs) p = _mm_set_epi32(0, init, 0, init);
  }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(const Operand& w, Quad x) {
    const __m128i zero = _mm_setzero_si128();
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      pairs[2 * i] = _mm_add_epi32(pairs[2 * i], _mm_madd_epi16(_mm_unpacklo_epi8(w.v[i], zero), x));
      pairs[2 * i + 1] = _mm_add_epi32(pairs[2 * i + 1], _mm_madd_epi16(_mm_unpackhi_epi8(w.v[i], zero), x));
    }
  }
  TTT_INLINE_MEMBER Ints result() const {
    return parts<Ints>([&](int i) {
      const __m128 x = _mm_castsi128_ps(pairs[2 * i]), y = _mm_castsi128_ps(pairs[2 * i + 1]);
      return _mm_add_epi32(_mm_castps_si128(_mm_shuffle_ps(x, y, 0x88)), _mm_castps_si128(_mm_shuffle_ps(x, y, 0xDD)));
    });
  }
};

}  // namespace ttt::kernels::TTT_LEVEL::grouped
