#pragma once

#include <cstddef>
#include <cstdint>

#include "base/format.h"

namespace ttt::kernels {

// Rows of grouped formats as files hold them, written. Blocks of q8_0 are those of GGUF files; the others are of this
// project, little-endian, with 32 values in a block:
//   int4     20 bytes: f16 scale, f16 minimum, 16 bytes with the codes of values j and j + 16 in the low and high bits
//   of
//            byte j (the block of Q4_1); value = scale * code + minimum
//   bfp8_b   34 bytes: u8 exponents e of the first and second 16 values, 32 bytes of sign (bit 7) and magnitude m;
//            value = m * 2^(e - 127) / 64
//   bfp4_b   18 bytes: two such exponents, 16 bytes with values 2j and 2j + 1 in the low and high bits of byte j: sign
//   (bit
//            3) and magnitude m; value = m * 2^(e - 127) / 4
//   int8     f32 scale of the row before its blocks, which are 32 bytes of signed codes; value = scale * code

// values: [in]; to: stored_bytes(format, in), any alignment. Codes and scales are those that pack_panels makes of the
// same values. Throws Error{kUnsupported} unless can_quantise_to(format), Error{kBadData} unless `in` is a multiple of
// 32.
void write_stored_row(Format format, const float* values, std::int64_t in, std::byte* to);

}  // namespace ttt::kernels
