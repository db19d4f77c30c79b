#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/tensor.h"
#include "kernels/formats/packed_layout.h"

// One block of 32 inputs of one channel, in the terms of packed_layout.h; between files, panels and values.

namespace ttt::kernels {

struct BlockCodes {
  std::uint8_t codes[32] = {};
  std::uint16_t scale = 0, minimum = 0;  // f16: the block's, or its super's
  std::uint8_t sub_scale[2] = {};        // kTwoLevel: [0]; kTwoLevelSigned (as i8) and kExponent: of each 16
  std::uint8_t sub_minimum = 0;          // kTwoLevel
  float channel_scale = 0;               // kChannel
};

// Reads inputs [begin, begin + 32) of a row as files hold it; `begin` is a multiple of 32. kQ4_0 to kQ6_K.
BlockCodes read_stored_block(Format format, const std::byte* row, std::int64_t begin);

// Rounds `count` (<= 32) values to the format; codes beyond stand for 0. kQ8_0, kInt4, kBfp8B, kBfp4B.
BlockCodes quantise_block(Format format, const float* x, int count);
// kInt8: codes for a scale of the whole row.
BlockCodes quantise_block_int8(const float* x, int count, float channel_scale);

// The 32 values.
void block_values(Format format, const BlockCodes& block, float* values);

// Denormal numbers of f16 are exact here whether or not the thread flushes denormal f32 numbers.
inline float f16_to_f32(std::uint16_t h) {
  const std::uint32_t magnitude = h & 0x7FFFu, sign = std::uint32_t{h & 0x8000u} << 16;
  std::uint32_t bits;
  if (magnitude >= 0x7C00) {
    bits = 0x7F800000u | ((magnitude & 0x3FFu) << 13);
  } else if (magnitude >= 0x400) {
    bits = (magnitude << 13) + (112u << 23);
  } else {
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  }
  return std::bit_cast<float>(bits | sign);
}

// Rounds to nearest even, beyond the range to infinity.
inline std::uint16_t f32_to_f16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x), magnitude = bits & 0x7FFFFFFFu;
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

inline float bf16_to_f32(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

}  // namespace ttt::kernels
