#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/level.h"

namespace ttt::kernels::TTT_LEVEL::grouped {

struct Floats {
  float v[16];
};
struct Ints {
  std::int32_t v[16];
};
struct Bytes {
  std::uint8_t v[64];
};
struct Quad {
  std::int32_t v[4];
};

inline constexpr int kGroupedRows = 1;
inline constexpr int kGroupedPanels = 1;

// A vector of f(0) .. f(15).
template <class F>
TTT_INLINE Floats make_floats(const F& f) {
  Floats r;
  for (int i = 0; i < 16; ++i) r.v[i] = f(i);
  return r;
}

TTT_INLINE int byte_at(const std::byte* p, int i) { return std::to_integer<int>(p[i]); }

// Exact for denormal numbers of f16 although the thread may flush denormal f32 numbers.
TTT_INLINE float half_value(std::uint32_t h) {
  const std::uint32_t magnitude = h & 0x7FFFu;
  std::uint32_t bits = (magnitude << 13) + (112u << 23);
  if (magnitude >= 0x7C00) bits = 0x7F800000u | (magnitude & 0x3FFu) << 13;
  float r;
  std::memcpy(&r, &bits, 4);
  if (magnitude < 0x400) r = static_cast<float>(magnitude) * 0x1p-24f;
  return h & 0x8000u ? -r : r;
}

TTT_INLINE Floats zero_floats() {
  return make_floats([](int) { return 0.0f; });
}
TTT_INLINE Floats all_floats(float x) {
  return make_floats([x](int) { return x; });
}
TTT_INLINE Floats load_floats(const void* p) {
  Floats r;
  std::memcpy(r.v, p, sizeof r.v);
  return r;
}
TTT_INLINE void store_floats(float* p, const Floats& x) { std::memcpy(p, x.v, sizeof x.v); }
TTT_INLINE Floats add(const Floats& x, const Floats& y) {
  return make_floats([&](int i) { return x.v[i] + y.v[i]; });
}
TTT_INLINE Floats mul(const Floats& x, const Floats& y) {
  return make_floats([&](int i) { return x.v[i] * y.v[i]; });
}
TTT_INLINE Floats fma(const Floats& x, const Floats& y, const Floats& z) {
  return make_floats([&](int i) { return x.v[i] * y.v[i] + z.v[i]; });
}
TTT_INLINE Floats to_floats(const Ints& x) {
  return make_floats([&](int i) { return static_cast<float>(x.v[i]); });
}
TTT_INLINE Floats pair_sums(const float* p) {
  return make_floats([p](int i) { return p[2 * i] + p[2 * i + 1]; });
}
TTT_INLINE Floats load_twice(const float* p) {
  return make_floats([p](int i) { return p[i / 2]; });
}
TTT_INLINE void store_ints(std::int32_t* p, const Ints& x) { std::memcpy(p, x.v, sizeof x.v); }
TTT_INLINE Ints mul_ints(const Ints& x, int by) {
  Ints r;
  for (int i = 0; i < 16; ++i) r.v[i] = x.v[i] * by;
  return r;
}
// |x| < 8192; any integer in that range where x is no number.
TTT_INLINE Ints round_to_ints(const Floats& x) {
  Ints r;
  for (int i = 0; i < 16; ++i) {
    float v = x.v[i] > -8192 ? x.v[i] : -8192;
    v = v < 8192 ? v : 8192;
    r.v[i] = static_cast<std::int32_t>(v + (v < 0 ? -0.5f : 0.5f));
  }
  return r;
}
// 1 / x, or 0 where x is not above 0.
TTT_INLINE Floats inverse_or_zero(const Floats& x) {
  return make_floats([&](int i) { return x.v[i] > 0 ? 1 / x.v[i] : 0.0f; });
}
TTT_INLINE Floats load_halves(const std::byte* p) {
  std::uint16_t h[16];
  std::memcpy(h, p, sizeof h);
  return make_floats([&](int i) { return half_value(h[i]); });
}
TTT_INLINE Floats load_u8(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(byte_at(p, i)); });
}
TTT_INLINE Floats load_i8(const std::byte* p) {
  return make_floats([&](int i) { return static_cast<float>(static_cast<std::int8_t>(byte_at(p, i))); });
}
// 2^(e - 127) for 16 exponents.
TTT_INLINE Floats load_exponents(const std::byte* p) {
  Floats r;
  for (int i = 0; i < 16; ++i) {
    const std::uint32_t bits = static_cast<std::uint32_t>(byte_at(p, i)) << 23;
    std::memcpy(&r.v[i], &bits, 4);
  }
  return r;
}

TTT_INLINE Bytes load_bytes(const std::byte* p) {
  Bytes r;
  std::memcpy(r.v, p, sizeof r.v);
  return r;
}
TTT_INLINE void store_bytes(std::byte* p, const Bytes& x) { std::memcpy(p, x.v, sizeof x.v); }
template <int kMask>
TTT_INLINE Bytes masked(const Bytes& x) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.v[i] = static_cast<std::uint8_t>(x.v[i] & kMask);
  return r;
}
template <int kMask>
TTT_INLINE Bytes with_masked(const Bytes& x, const Bytes& y) {  // x | (y & kMask)
  Bytes r;
  for (int i = 0; i < 64; ++i) r.v[i] = static_cast<std::uint8_t>(x.v[i] | (y.v[i] & kMask));
  return r;
}
template <int kBy>
TTT_INLINE Bytes shifted(const Bytes& x) {
  Bytes r;
  for (int i = 0; i < 64; ++i) r.v[i] = static_cast<std::uint8_t>(kBy > 0 ? x.v[i] >> (kBy & 7) : x.v[i] << (-kBy & 7));
  return r;
}
TTT_INLINE Quad load_quad(const std::int8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
TTT_INLINE void prefetch(const std::byte*) {}

// The j-th of 4 numbers per channel, as a vector over the channels.
TTT_INLINE Floats quarter_of(const Bytes& x, int j) {
  return make_floats([&](int i) { return static_cast<float>(x.v[4 * i + j]); });
}

template <int kBits>
struct Dot {
  static constexpr bool kCentred = false;
  using Operand = Bytes;
  Ints sum;

  static TTT_INLINE_MEMBER Operand operand(const Bytes& codes) { return codes; }
  TTT_INLINE_MEMBER void start(std::int32_t init) {
    for (std::int32_t& s : sum.v) s = init;
  }
  template <int kStep, int kSteps>
  TTT_INLINE_MEMBER void step(const Operand& w, const Quad& x) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) sum.v[i] += w.v[4 * i + j] * x.v[j];
    }
  }
  TTT_INLINE_MEMBER const Ints& result() const { return sum; }
};

}  // namespace ttt::kernels::TTT_LEVEL::grouped
