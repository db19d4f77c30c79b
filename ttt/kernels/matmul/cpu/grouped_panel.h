#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_simd.h"

// Codes and scales of one panel, as vectors over its 16 channels.

namespace ttt::kernels::TTT_LEVEL::grouped {

// How codes are stored: number of bits, or as indices of four bits into a table.
inline constexpr int kFp4Indices = -4, kIq4Indices = -5;
constexpr int stored_bits(PanelKind kind) {
  return kind.table == CodeTable::kFp4 ? kFp4Indices : kind.table == CodeTable::kIq4 ? kIq4Indices : kind.bits;
}

// The codes of step kStep of a block.
template <int kBits, int kStep>
TTT_INLINE Bytes codes_of(const std::byte* block) {
  if constexpr (kBits == kFp4Indices) {
    return fp4_codes(codes_of<4, kStep>(block));
  } else if constexpr (kBits == kIq4Indices) {
    return iq4_codes(codes_of<4, kStep>(block));
  } else if constexpr (kBits < 4) {
    const Bytes low = masked<3>(shifted<kStep % 4 * 2>(load_bytes(block + kStep / 4 * 64)));
    if constexpr (kBits == 3) return with_masked<4>(low, shifted<kStep - 2>(load_bytes(block + 128)));
    return low;
  } else if constexpr (kBits == 8) {
    return load_bytes(block + 64 * kStep);
  } else {
    const Bytes low = masked<15>(shifted<kStep % 2 * 4>(load_bytes(block + kStep / 2 * 64)));
    if constexpr (kBits == 5) return with_masked<16>(low, shifted<kStep - 4>(load_bytes(block + 256)));
    if constexpr (kBits == 6) {
      return with_masked<48>(low, shifted<kStep % 4 * 2 - 4>(load_bytes(block + 256 + kStep / 4 * 64)));
    }
    return low;
  }
}

// Pointers into a panel, for a loop over its blocks.
struct Panel {
  const std::byte* supers;  // of super 0
  const std::byte* scales;  // of block 0
  const std::byte* codes;   // of block 0
};

TTT_INLINE Panel panel_at(const std::byte* base, const PanelLayout& l) {
  return {base, base + l.block_scales, base + l.codes};
}

// The scales of one block; [1] of the second 16 inputs where the group is 16. value = scale * code + minimum
struct Scales {
  Floats scale[2];
  Floats minimum[2];
};

// A block's scales in f32, one after the other: of each group, then the minima where there are any.
constexpr int scale_vectors(PanelKind kind) { return kind.group == 16 && kind.centre == 0 ? 4 : 2; }
// Where those of group `half` are.
constexpr int minimum_at(PanelKind kind, int half) { return kind.group == 16 ? 2 + half : 1; }
template <PanelKind kKind>
TTT_INLINE void store_scales(const Scales& s, float (*to)[kPanelWidth]) {
  store_floats(to[0], s.scale[0]);
  if constexpr (kKind.group == 16) store_floats(to[1], s.scale[1]);
  if constexpr (kKind.centre == 0) {
    store_floats(to[minimum_at(kKind, 0)], s.minimum[0]);
    if constexpr (kKind.group == 16) store_floats(to[minimum_at(kKind, 1)], s.minimum[1]);
  }
}

template <PanelKind kKind>
TTT_INLINE Scales scales_of(const Panel& p, std::int64_t block, int super_shift) {
  Scales s;
  if constexpr (kKind.scales == ScaleKind::kHalf) {
    s.scale[0] = load_halves(p.scales + 32 * block);
  } else if constexpr (kKind.scales == ScaleKind::kHalfMinimum) {
    s.scale[0] = load_halves(p.scales + 64 * block);
    s.minimum[0] = load_halves(p.scales + 64 * block + 32);
  } else if constexpr (kKind.scales == ScaleKind::kTwoLevel) {
    const std::byte* super = p.supers + 64 * (block >> super_shift);
    s.scale[0] = mul(load_halves(super), load_u8(p.scales + 32 * block));
    s.minimum[0] = mul(mul(load_halves(super + 32), all_floats(-1)), load_u8(p.scales + 32 * block + 16));
  } else if constexpr (kKind.scales == ScaleKind::kTwoLevelNibbles) {
    const std::byte* super = p.supers + 64 * (block >> super_shift);
    const Floats scale = load_halves(super), minimum = mul(load_halves(super + 32), all_floats(-1));
    for (int h = 0; h < 2; ++h) {
      s.scale[h] = mul(scale, load_low_nibbles(p.scales + 32 * block + 16 * h));
      s.minimum[h] = mul(minimum, load_high_nibbles(p.scales + 32 * block + 16 * h));
    }
  } else if constexpr (kKind.scales == ScaleKind::kTwoLevelSigned) {
    constexpr int kBytes = kKind.group == 32 ? 16 : 32;
    const Floats super = load_halves(p.supers + 32 * (block >> super_shift));
    s.scale[0] = mul(super, load_i8(p.scales + kBytes * block));
    if constexpr (kKind.group == 16) s.scale[1] = mul(super, load_i8(p.scales + kBytes * block + 16));
  } else if constexpr (kKind.scales == ScaleKind::kSuper) {
    s.scale[0] = load_halves(p.supers + 32 * (block >> super_shift));
  } else if constexpr (kKind.scales == ScaleKind::kExponent) {
    constexpr int kBytes = kKind.group == 32 ? 16 : 32;
    s.scale[0] = load_exponents(p.scales + kBytes * block);
    if constexpr (kKind.group == 16) s.scale[1] = load_exponents(p.scales + kBytes * block + 16);
  }
  return s;
}

// The factor of the sum over all groups, for kinds that have one.
template <PanelKind kKind>
TTT_INLINE Floats scaled_total(const Panel& p, Floats total) {
  if constexpr (kKind.scales == ScaleKind::kChannel) return mul(total, load_floats(p.supers));
  if constexpr (kKind.scales == ScaleKind::kExponent) return mul(total, all_floats(1.0f / kKind.unit));
  return total;
}

}  // namespace ttt::kernels::TTT_LEVEL::grouped
