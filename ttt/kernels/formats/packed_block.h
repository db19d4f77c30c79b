#pragma once

#include <cstddef>
#include <cstdint>

#include "base/format.h"
#include "kernels/formats/packed_layout.h"

// One block of 32 inputs of one channel, in the terms of packed_layout.h; between files, panels and values.

namespace ttt::kernels {

struct BlockCodes {
  std::uint8_t codes[32] = {};
  std::uint16_t scale = 0, minimum = 0;  // f16: the block's, or its super's
  // kTwoLevel: [0]; kTwoLevelNibbles, kTwoLevelSigned (as i8) and kExponent: of each half, equal in groups of 32
  std::uint8_t sub_scale[2] = {};
  std::uint8_t sub_minimum[2] = {};  // kTwoLevel: [0]; kTwoLevelNibbles: of each half
  float channel_scale = 0;           // kChannel
};

// Reads inputs [begin, begin + 32) of a row as files hold it; `begin` is a multiple of 32. Every grouped format;
// codes of those with a table are indices into it.
BlockCodes read_stored_block(Format format, const std::byte* row, std::int64_t begin);

// Rounds `count` (<= 32) values to the format; codes beyond `count` are those of 0. kQ8_0, kInt4, kBfp8B, kBfp4B.
BlockCodes quantise_block(Format format, const float* x, int count);
// kInt8: the scale of a row, and codes for it.
float channel_scale_of(const float* row, std::int64_t count);
BlockCodes quantise_block_int8(const float* x, int count, float channel_scale);

// The 32 values.
void block_values(Format format, const BlockCodes& block, float* values);

}  // namespace ttt::kernels
