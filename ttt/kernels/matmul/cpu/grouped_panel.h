#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_simd.h"

// Codes and scales of one panel, as vectors over its 16 channels.

namespace ttt::kernels::TTT_LEVEL::grouped {

// How codes are stored: number of bits, or as indices.
inline constexpr int kIndices = -4;
constexpr int stored_bits(PanelKind kind) { return kind.table ? kIndices : kind.bits; }

// The codes of step kStep of a block.
template <int kBits, int kStep>
TTT_INLINE Bytes codes_of(const std::byte* block) {
  if constexpr (kBits == kIndices) {
    return table_codes(codes_of<4, kStep>(block));
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

// The scales of one block; [1] of the second 16 inputs where the group is 16.
struct Scales {
  Floats scale[2];
  Floats minimum;  // value = scale * code + minimum
};

template <PanelKind kKind>
TTT_INLINE Scales scales_of(const Panel& p, std::int64_t block, int super_shift) {
  Scales s;
  if constexpr (kKind.scales == ScaleKind::kHalf) {
    s.scale[0] = load_halves(p.scales + 32 * block);
  } else if constexpr (kKind.scales == ScaleKind::kHalfMinimum) {
    s.scale[0] = load_halves(p.scales + 64 * block);
    s.minimum = load_halves(p.scales + 64 * block + 32);
  } else if constexpr (kKind.scales == ScaleKind::kTwoLevel) {
    const std::byte* super = p.supers + 64 * (block >> super_shift);
    s.scale[0] = mul(load_halves(super), load_u8(p.scales + 32 * block));
    s.minimum = mul(mul(load_halves(super + 32), all_floats(-1)), load_u8(p.scales + 32 * block + 16));
  } else if constexpr (kKind.scales == ScaleKind::kTwoLevelSigned) {
    const Floats super = load_halves(p.supers + 32 * (block >> super_shift));
    s.scale[0] = mul(super, load_i8(p.scales + 32 * block));
    s.scale[1] = mul(super, load_i8(p.scales + 32 * block + 16));
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
