#pragma once

#include <cstdint>

#include "kernels/cpu/tiles.h"
#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/grouped_panel.h"
#include "kernels/matmul/matmul.h"

// Data of grouped products: rows of codes, neighbouring panels, and sums that are continued by the next chunk of
// inputs.
namespace ttt::kernels::TTT_LEVEL::grouped {

// Blocks that are multiplied with all rows of a band before the next ones: with 512 inputs, two panels of 8 bits are 16
// KiB, which L1 keeps from row to row.
inline constexpr std::int64_t kChunk = 16;
// Rows whose sums are kept on the stack for the next chunk.
inline constexpr std::int64_t kBand = 96;

template <int kCount>
struct Count {
  static constexpr int value = kCount;
};

struct Rows {
  const std::int8_t* codes;  // [in]
  const float* scales;       // [blocks]
  const std::int32_t* sums;  // [2 blocks], of codes
};

TTT_INLINE Rows row_of(const PreparedRows& x, std::int64_t r) {
  const std::int64_t blocks = x.padded_in / kBlockInputs;
  return {reinterpret_cast<const std::int8_t*>(x.values + r * x.row_bytes), x.scales + r * blocks,
          x.sums + 2 * r * blocks};
}

// Per row and group of a chunk: where dots start, -centre * sum of the activation codes; or, for formats with minima,
// x_scale * sum of the codes.
struct Corrections {
  std::int32_t start[2 * kChunk];
  float sums[2 * kChunk];
};

// scales, sums: of 16 blocks.
template <PanelKind kKind>
TTT_INLINE void fill_whole(Corrections& c, const float* scales, const std::int32_t* sums) {
  static_assert(kChunk == kPanelWidth);  // one vector of blocks
  if constexpr (kKind.centre == 0 && kKind.group == 16) {
    for (int half = 0; half < 2; ++half) {
      float twice[16];
      for (int i = 0; i < 16; ++i) twice[i] = scales[8 * half + i / 2];
      store_floats(c.sums + 16 * half, mul(to_floats(load_ints(sums + 16 * half)), load_floats(twice)));
    }
  } else if constexpr (kKind.centre == 0) {
    store_floats(c.sums, mul(to_floats(pair_sums(sums)), load_floats(scales)));
  } else if constexpr (!Dot<code_bits(kKind)>::kCentred && kKind.group == 32) {
    store_ints(c.start, mul_ints(pair_sums(sums), -kKind.centre));
  } else if constexpr (!Dot<code_bits(kKind)>::kCentred) {
    for (int half = 0; half < 2; ++half) {
      store_ints(c.start + 16 * half, mul_ints(load_ints(sums + 16 * half), -kKind.centre));
    }
  }
}

template <PanelKind kKind>
TTT_INLINE void fill(Corrections& c, const Rows& row, std::int64_t begin, std::int64_t count) {
  const float* scales = row.scales + begin;
  const std::int32_t* sums = row.sums + 2 * begin;
  if (count == kChunk) {
    fill_whole<kKind>(c, scales, sums);
    return;
  }
  float padded_scales[kChunk] = {};
  std::int32_t padded_sums[2 * kChunk] = {};
  for (std::int64_t b = 0; b < count; ++b) {
    padded_scales[b] = scales[b];
    padded_sums[2 * b] = sums[2 * b];
    padded_sums[2 * b + 1] = sums[2 * b + 1];
  }
  fill_whole<kKind>(c, padded_scales, padded_sums);
}

// What one call of a tile works on.
struct GroupedArgs {
  const PreparedRows& x;
  const MatmulProblem& problem;
  PanelLayout layout;
#if defined(TTT_TILES)
  Tiles& tiles;
#endif
};
inline constexpr int kPanels = kGroupedPanels, kPanelOutputs = kPanels * static_cast<int>(kPanelWidth);
using Sums = float[kBand][kPanelOutputs];

// Panels that are multiplied together. An odd last one is used twice, and the second results are dropped: another
// kernel for this case would make compiling half as long again.
struct WeightPanels {
  Panel panels[kPanels];
};
TTT_INLINE WeightPanels weight_panels_of(const GroupedArgs& args, std::int64_t out, std::int64_t out_end) {
  const std::int64_t last = (out_end - 1) / kPanelWidth;
  WeightPanels weights;
  for (int p = 0; p < kPanels; ++p) {
    const std::int64_t at = out / kPanelWidth + p;
    weights.panels[p] = panel_at(args.problem.w.data + (at < last ? at : last) * args.layout.bytes, args.layout);
  }
  return weights;
}

}  // namespace ttt::kernels::TTT_LEVEL::grouped
