#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ttt {

// How the values of a tensor are stored.
//
// Dense formats hold one number per element. Grouped formats hold, for every group of elements along the last extent,
// small codes and
//     value = scale * code + minimum          (code unsigned; a centred format has minimum = -centre * scale)
// Block layouts of the kQ*, kIQ* and kTQ* formats are those of GGUF files (ggml-common.h, ggml-org/llama.cpp). Those of
// kInt8, kInt4, kBfp8B and kBfp4B are of this project (kernels/formats/stored_block.h).
enum class Format : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,    // 4-bit codes centred at 8, groups of 32, f16 scale
  kQ4_1,    // 4-bit codes, groups of 32, f16 scale and minimum
  kQ5_0,    // 5-bit codes centred at 16, groups of 32, f16 scale
  kQ5_1,    // 5-bit codes, groups of 32, f16 scale and minimum
  kQ8_0,    // 8-bit codes (signed in the file), groups of 32, f16 scale
  kQ4_K,    // 4-bit codes, groups of 32, scale and minimum f16 x 6 bits over 256
  kQ5_K,    // 5-bit codes, groups of 32, scale and minimum f16 x 6 bits over 256
  kQ6_K,    // 6-bit codes centred at 32, groups of 16, scale f16 x int8 over 256
  kInt8,    // 8-bit symmetric codes, one f32 scale per row (output channel)
  kInt4,    // 4-bit codes, groups of 32, f16 scale and minimum
  kBfp8B,   // sign and 7-bit magnitude, groups of 16, power-of-two scale
  kBfp4B,   // sign and 3-bit magnitude, groups of 16, power-of-two scale
  kMXFP4,   // 4-bit floating-point numbers (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives), groups of 32, power-of-two
            // scale
  kQ2_K,    // 2-bit codes, groups of 16, scale and minimum f16 x 4 bits over 256
  kQ3_K,    // 3-bit codes centred at 4, groups of 16, scale f16 x 6 signed bits over 256
  kIQ4_NL,  // indices into 16 signed numbers of 8 bits, groups of 32, f16 scale
  kIQ4_XS,  // the same indices, groups of 32, scale f16 x 6 signed bits over 256
  kTQ1_0,   // codes -1, 0 and 1, five in a byte, f16 scale over 256
  kTQ2_0,   // codes -1, 0 and 1, four in a byte, f16 scale over 256
  kF64,     // the rest are read from files, and named in errors, but are no weight formats
  kI8,
  kI16,
  kI32,
  kI64,
  kU8,
  kF8E4M3,  // 8-bit floating-point numbers with 4 bits of exponent, without infinities
  kBool,
  kOther,
};

struct FormatTraits {
  std::string_view name;        // as options and reports spell it: "bf16", "q4_k", "bfp8_b"
  std::int64_t block_elements;  // elements of one block as stored in files; 1 when dense
  std::int64_t block_bytes;     // bytes of one such block; 0: no file layout (kOther)
  std::int64_t row_bytes;       // before the blocks of each row: the scale of kInt8
  double nominal_bits;          // bits per value of the source format, scales included (kInt8: without its row scale)
};

const FormatTraits& traits_of(Format format);
inline std::string_view name_of(Format format) { return traits_of(format).name; }
// The format that an option or a report spells so; nothing when there is none.
std::optional<Format> format_named(std::string_view name);

bool is_dense(Format format);    // f32, f16, bf16
bool is_grouped(Format format);  // every format from kQ4_0 to kTQ2_0
// Grouped formats that values of any other format can be rounded to.
bool can_quantise_to(Format format);  // q8_0, int8, int4, bfp8_b, bfp4_b

// Bytes of `elements` consecutive values, one row, as files hold them. Throws Error{kBadData} naming `what` when they
// are no whole number of blocks or the size overflows.
std::int64_t stored_bytes(Format format, std::int64_t elements, std::string_view what);

}  // namespace ttt
