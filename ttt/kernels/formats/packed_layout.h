#pragma once

#include <cstdint>

#include "base/format.h"

// The positions of codes and scales in packed panels; used by the packer and by the kernels of all instruction sets.
//
// A panel holds 16 channels: first the scales of all its groups, then its codes, block after block of 32 inputs. Both
// parts start on a multiple of 64 bytes.
//
// Codes of a block: step s (of 8) covers inputs 4s .. 4s + 3; its 64 codes are [channel][4 inputs], which is the
// unsigned operand of an int8 dot over 16 channels.
//   8 bits: the 8 steps.
//   2 bits: 2 x 64 bytes: step s in bits 2(s % 4) and above of the (s / 4)-th.
//   3 bits: as 2 bits, then 64 bytes with the third bits: bit s of byte i belongs to code i of step s.
//   4 bits: 4 x 64 bytes, the j-th with step 2j in the low and step 2j + 1 in the high nibbles.
//   5 bits: as 4 bits, then 64 bytes with the fifth bits: bit s of byte i belongs to code i of step s.
//   table: as 4 bits, but each is an index into the table of the format's codes (table_code).
//   6 bits: as 4 bits, then 2 x 64 bytes: bits 2(s % 4) and above of byte i in the (s / 4)-th.
//
// Scales, each a vector over the 16 channels (blocks: of 32 inputs; supers: of 256 inputs, or of 32 where `in` is no
// multiple of 256, so that a cut along the input can fall on any block):
//   kHalf            f16 [blocks][16]
//   kHalfMinimum     f16 [blocks][scale, minimum][16]
//   kTwoLevel        f16 [supers][scale, minimum][16], u8 [blocks][scale, minimum][16]; value = scale * code - minimum
//   kTwoLevelNibbles f16 [supers][scale, minimum][16], u8 [blocks][2][16]: scale in the low, minimum in the high bits
//   kTwoLevelSigned  f16 [supers][16], i8 [blocks][groups in a block][16]
//   kSuper           f16 [supers][16]
//   kChannel         f32 [16]
//   kExponent        u8 [blocks][groups in a block][16]; the scale is 2^(e - 127) / unit

namespace ttt::kernels {

inline constexpr std::int64_t kBlockInputs = 32;
inline constexpr std::int64_t kPanelWidth = 16;

enum class ScaleKind : std::uint8_t {
  kHalf,
  kHalfMinimum,
  kTwoLevel,
  kTwoLevelNibbles,
  kTwoLevelSigned,
  kSuper,
  kChannel,
  kExponent
};

// What codes that are indices of four bits stand for.
enum class CodeTable : std::uint8_t { kNone, kFp4, kIq4 };

struct PanelKind {
  int bits = 0;    // of a code; 0: not a grouped format
  int centre = 0;  // the code of value 0; 0: the format has minima
  int group = 32;  // inputs that share a scale within a block
  ScaleKind scales = ScaleKind::kHalf;
  int unit = 1;  // kExponent: the code distance from the centre that means 2^(e - 127)
  CodeTable table = CodeTable::kNone;
};

// Bits of the codes that kernels multiply: of a table's, those of its largest.
__attribute__((always_inline)) static inline constexpr int code_bits(PanelKind kind) {
  return kind.table == CodeTable::kFp4 ? 5 : kind.table == CodeTable::kIq4 ? 8 : kind.bits;
}
// The codes of IQ4_NL and IQ4_XS: kvalues_iq4nl of ggml-common.h (ggml-org/llama.cpp), about the centre 128.
inline constexpr std::uint8_t kIq4Codes[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
// The code of an index. kFp4: twice the number that the four bits stand for, about the centre 12.
__attribute__((always_inline)) static inline constexpr int table_code(CodeTable table, int index) {
  if (table == CodeTable::kIq4) return kIq4Codes[index];
  const int m = index & 7, magnitude = m <= 4 ? m : m == 7 ? 12 : 2 * m - 4;
  return index < 8 ? 12 + magnitude : 12 - magnitude;
}

// Always inlined: these are also used inside kernels, where no two instruction sets may share a function.
__attribute__((always_inline)) static inline constexpr PanelKind panel_kind(Format format) {
  switch (format) {
    case Format::kQ4_0:
      return {.bits = 4, .centre = 8};
    case Format::kQ4_1:
    case Format::kInt4:
      return {.bits = 4, .scales = ScaleKind::kHalfMinimum};
    case Format::kQ5_0:
      return {.bits = 5, .centre = 16};
    case Format::kQ5_1:
      return {.bits = 5, .scales = ScaleKind::kHalfMinimum};
    case Format::kQ8_0:
      return {.bits = 8, .centre = 128};
    case Format::kQ4_K:
      return {.bits = 4, .scales = ScaleKind::kTwoLevel};
    case Format::kQ5_K:
      return {.bits = 5, .scales = ScaleKind::kTwoLevel};
    case Format::kQ6_K:
      return {.bits = 6, .centre = 32, .group = 16, .scales = ScaleKind::kTwoLevelSigned};
    case Format::kInt8:
      return {.bits = 8, .centre = 128, .scales = ScaleKind::kChannel};
    case Format::kBfp8B:
      return {.bits = 8, .centre = 128, .group = 16, .scales = ScaleKind::kExponent, .unit = 64};
    case Format::kBfp4B:
      return {.bits = 4, .centre = 8, .group = 16, .scales = ScaleKind::kExponent, .unit = 4};
    case Format::kMXFP4:
      return {.bits = 4, .centre = 12, .scales = ScaleKind::kExponent, .unit = 2, .table = CodeTable::kFp4};
    case Format::kQ2_K:
      return {.bits = 2, .group = 16, .scales = ScaleKind::kTwoLevelNibbles};
    case Format::kQ3_K:
      return {.bits = 3, .centre = 4, .group = 16, .scales = ScaleKind::kTwoLevelSigned};
    case Format::kIQ4_NL:
      return {.bits = 4, .centre = 128, .table = CodeTable::kIq4};
    case Format::kIQ4_XS:
      return {.bits = 4, .centre = 128, .scales = ScaleKind::kTwoLevelSigned, .table = CodeTable::kIq4};
    case Format::kTQ1_0:
    case Format::kTQ2_0:
      return {.bits = 2, .centre = 1, .scales = ScaleKind::kSuper};
    default:
      return {};
  }
}

// Offsets are bytes from the start of a panel.
struct PanelLayout {
  std::int64_t blocks = 0;
  int super_shift = 0;            // super = block >> super_shift
  std::int64_t block_scales = 0;  // where the scales of blocks begin; those of supers begin at 0
  std::int64_t block_scale_bytes = 0;
  std::int64_t codes = 0;
  std::int64_t block_code_bytes = 0;
  std::int64_t bytes = 0;
};

__attribute__((always_inline)) static inline constexpr PanelLayout panel_layout(PanelKind kind, std::int64_t in) {
  PanelLayout l;
  l.blocks = (in + kBlockInputs - 1) / kBlockInputs;
  l.super_shift = in % 256 == 0 ? 3 : 0;
  const std::int64_t supers = l.blocks >> l.super_shift;
  std::int64_t scale_bytes = 0;
  switch (kind.scales) {
    case ScaleKind::kHalf:
      l.block_scale_bytes = 32;
      break;
    case ScaleKind::kHalfMinimum:
      l.block_scale_bytes = 64;
      break;
    case ScaleKind::kTwoLevel:
    case ScaleKind::kTwoLevelNibbles:
      l.block_scale_bytes = 32, l.block_scales = 64 * supers;
      break;
    case ScaleKind::kTwoLevelSigned:
      l.block_scale_bytes = kind.group == 32 ? 16 : 32, l.block_scales = 32 * supers;
      break;
    case ScaleKind::kSuper:
      l.block_scales = 32 * supers;
      break;
    case ScaleKind::kChannel:
      l.block_scales = 64;
      break;
    case ScaleKind::kExponent:
      l.block_scale_bytes = kind.group == 32 ? 16 : 32;
      break;
  }
  scale_bytes = l.block_scales + l.block_scale_bytes * l.blocks;
  l.codes = (scale_bytes + 63) / 64 * 64;
  l.block_code_bytes = kind.bits * 64;
  l.bytes = l.codes + l.block_code_bytes * l.blocks;
  return l;
}

}  // namespace ttt::kernels
