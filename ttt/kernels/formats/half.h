#pragma once

#include <cstdint>

// Single numbers of 16 bits. Always inlined: these are also used inside kernels, where no two instruction sets may
// share a function.
namespace ttt::kernels {

#define TTT_CONVERTS __attribute__((always_inline)) static inline

// Denormal numbers of f16 are exact here whether or not the thread flushes denormal f32 numbers.
TTT_CONVERTS float f16_to_f32(std::uint16_t h) {
  const std::uint32_t magnitude = h & 0x7FFFu, sign = std::uint32_t{h & 0x8000u} << 16;
  std::uint32_t bits;
  if (magnitude >= 0x7C00) {
    bits = 0x7F800000u | ((magnitude & 0x3FFu) << 13);
  } else if (magnitude >= 0x400) {
    bits = (magnitude << 13) + (112u << 23);
  } else {
    bits = __builtin_bit_cast(std::uint32_t, static_cast<float>(magnitude) * 0x1p-24f);
  }
  return __builtin_bit_cast(float, bits | sign);
}

// Rounds to nearest even, beyond the range to infinity.
TTT_CONVERTS std::uint16_t f32_to_f16(float x) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x), magnitude = bits & 0x7FFFFFFFu;
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const auto with_sign = [&](std::uint32_t m) { return static_cast<std::uint16_t>(sign | m); };
  if (magnitude > 0x7F800000u) return with_sign(0x7E00);
  if (magnitude >= 0x477FF000u) return with_sign(0x7C00);  // 65520, halfway to the first value beyond
  const bool denormal = magnitude < (113u << 23);
  const std::uint32_t exponent = magnitude >> 23;
  if (denormal && exponent < 102) return sign;
  const std::uint32_t mantissa = denormal ? (magnitude & 0x7FFFFFu) | 0x800000u : magnitude - (112u << 23);
  const std::uint32_t shift = denormal ? 126 - exponent : 13;
  const std::uint32_t rounding = (1u << (shift - 1)) - 1 + ((mantissa >> shift) & 1u);
  return with_sign((mantissa + rounding) >> shift);
}

TTT_CONVERTS float bf16_to_f32(std::uint16_t h) { return __builtin_bit_cast(float, std::uint32_t{h} << 16); }
// Rounds to nearest even; a NaN stays one, although rounding would carry one with a small payload to infinity.
TTT_CONVERTS std::uint16_t f32_to_bf16(float x) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

#undef TTT_CONVERTS

}  // namespace ttt::kernels
