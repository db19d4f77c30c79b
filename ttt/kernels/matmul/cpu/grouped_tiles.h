#pragma once

#include <cstdint>
#include <type_traits>

#include "kernels/cpu/tiles.h"
#include "kernels/matmul/cpu/dense_transpose.h"
#include "kernels/matmul/cpu/grouped_args.h"

// Grouped products of many rows by tiles. The codes of a block are stored in a panel as [4 inputs][channel][4], which
// is the second operand of a tile product; the first is 16 rows of activation codes in their order in memory. So tiles
// and the kernels for few rows read the same panels. The dot products of a group are exact integers in both, and
// everything after them is done in the same order: a row's result is bitwise the same with tiles and without.
#if defined(TTT_TILES)
namespace ttt::kernels::TTT_LEVEL::grouped {

// From this number of rows on tiles are used: with fewer rows most of a tile would be empty.
inline constexpr std::int64_t kTileLeastRows = 8;

// A chunk of neighbouring panels: codes minus their centre, so that they are signed, and scales in f32. Made
// once for all rows of a band.
template <PanelKind kKind>
struct SignedChunk {
  alignas(64) std::byte codes[kPanels][kChunk][512];
  alignas(64) float scales[kPanels][kChunk][scale_vectors(kKind)][kPanelWidth];
};

template <PanelKind kKind, int kStep>
TTT_INLINE void sign_steps(const std::byte* from, std::byte* to) {
  store_bytes(to + 64 * kStep, minus<kKind.centre>(codes_of<stored_bits(kKind), kStep>(from)));
  if constexpr (kStep < 7) sign_steps<kKind, kStep + 1>(from, to);
}

template <PanelKind kKind>
void fill_signed(const GroupedArgs& args, const WeightPanels& weights, std::int64_t begin, std::int64_t count,
                 SignedChunk<kKind>& u) {
  for (int p = 0; p < kPanels; ++p) {
    const Panel& panel = weights.panels[p];
    for (std::int64_t c = 0; c < count; ++c) {
      const std::byte* codes = panel.codes + (begin + c) * (kKind.bits * 64);
      // Into L2, 2 KiB ahead, across the panel's end into the next.
      for (int line = 0; line < kKind.bits; ++line) prefetch(codes + 2048 + 64 * line);
      sign_steps<kKind, 0>(codes, u.codes[p][c]);
      if constexpr (kKind.scales != ScaleKind::kChannel) {
        store_scales<kKind>(scales_of<kKind>(panel, begin + c, args.layout.super_shift), u.scales[p][c]);
      }
    }
  }
}

// Of 16 rows and a chunk; missing rows repeat the last one.
struct TileRows {
  alignas(64) float scales[kChunk][kTileRows];
  alignas(64) float sums[2 * kChunk][kTileRows];  // by group: scale * sum of codes; for formats with minima
};

template <PanelKind kKind>
TTT_INLINE void fill_rows(const PreparedRows& x, std::int64_t r, std::int64_t rows, std::int64_t begin,
                          std::int64_t count, TileRows& to) {
  constexpr int kGroups = 32 / kKind.group;
  alignas(64) float scales[kTileRows][kChunk] = {}, sums[kGroups][kTileRows][kChunk];
  for (std::int64_t i = 0; i < kTileRows; ++i) {
    const Rows row = row_of(x, r + (i < rows ? i : rows - 1));
    for (std::int64_t c = 0; c < count; ++c) scales[i][c] = row.scales[begin + c];
    if constexpr (kKind.centre == 0) {
      Corrections corrections;
      fill<kKind>(corrections, row, begin, count);
      for (int g = 0; g < kGroups; ++g) store_floats(sums[g][i], load_floats(corrections.sums + kChunk * g));
    }
  }
  static_assert(kChunk == 16 && kTileRows == 16);
  transpose_16x16(scales[0], kChunk, to.scales[0], kTileRows);
  if constexpr (kKind.centre == 0) {
    for (int g = 0; g < kGroups; ++g) transpose_16x16(sums[g][0], kChunk, to.sums[kChunk * g], kTileRows);
  }
}

// Registers: 0 and 1 the dots of 16 rows and 16 channels, 2 and 3 activation codes, 4 and 5 codes of the weight.
TTT_INLINE TileConfig grouped_tile_config(int group, std::int64_t rows) {
  TileConfig c;
  for (int set = 0; set < 2; ++set) {
    c.set(set, static_cast<int>(rows), kTileBytes);
    c.set(2 + set, static_cast<int>(rows), group);
    c.set(4 + set, group / 4, kTileBytes);
  }
  return c;
}

// Adds blocks [begin, begin + count) of `rows` rows, at most 16, from `r` on by one panel to its sums.
template <PanelKind kKind>
TTT_INLINE void add_panel(const GroupedArgs& args, const SignedChunk<kKind>& u, int panel, const TileRows& x,
                          std::int64_t r, std::int64_t rows, std::int64_t begin, std::int64_t count,
                          float (*sums)[kPanelOutputs]) {
  constexpr int kGroups = 32 / kKind.group;
  constexpr std::int64_t kRing = 4;
  const std::int64_t groups = count * kGroups;
  alignas(64) std::int32_t dots[kRing][kTileRows * kPanelWidth];
  const std::byte* x_codes = args.x.values + r * args.x.row_bytes + begin * kBlockInputs;
  const auto product = [&]<int kSet>(std::integral_constant<int, kSet>, std::int64_t g) __attribute__((always_inline)) {
    args.tiles.template clear<kSet>();
    args.tiles.template load<2 + kSet>(x_codes + g * kKind.group, args.x.row_bytes);
    args.tiles.template load<4 + kSet>(u.codes[panel][0] + g * (kPanelWidth * kKind.group), kTileBytes);
    args.tiles.template add_int8<kSet, 2 + kSet, 4 + kSet>();
    args.tiles.template store<kSet>(dots[g % kRing], kTileBytes);
  };
  Floats acc[kTileRows];
#pragma GCC unroll 16
  for (int i = 0; i < kTileRows; ++i) {
    acc[i] = i < rows ? load_floats(sums[i] + panel * kPanelWidth) : zero_floats();
  }
  const auto scale_and_add = [&](std::int64_t g) __attribute__((always_inline)) {
    constexpr bool kHasScale = kKind.scales != ScaleKind::kChannel;
    const std::int64_t block = g / kGroups;
    const Floats scale = kHasScale ? load_floats(u.scales[panel][block][g % kGroups]) : all_floats(1);
    const std::int32_t* dot = dots[g % kRing];
#pragma GCC unroll 16
    for (int i = 0; i < kTileRows; ++i) {
      const Floats x_scale = all_floats(x.scales[block][i]);
      acc[i] = fma(to_floats(load_ints(dot + i * kPanelWidth)), kHasScale ? mul(scale, x_scale) : x_scale, acc[i]);
      if constexpr (kKind.centre == 0) {
        const float* minimum = u.scales[panel][block][minimum_at(kKind, static_cast<int>(g % kGroups))];
        acc[i] = fma(load_floats(minimum), all_floats(x.sums[g][i]), acc[i]);
      }
    }
  };
  // Tile products run two groups ahead of the sums, at the same time as vector instructions.
  product(std::integral_constant<int, 0>{}, 0);
  if (groups > 1) product(std::integral_constant<int, 1>{}, 1);
  for (std::int64_t g = 0; g < groups; g += 2) {
    if (g + 2 < groups) product(std::integral_constant<int, 0>{}, g + 2);
    scale_and_add(g);
    if (g + 1 >= groups) break;
    if (g + 3 < groups) product(std::integral_constant<int, 1>{}, g + 3);
    scale_and_add(g + 1);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTileRows; ++i) {
    if (i < rows) store_floats(sums[i] + panel * kPanelWidth, acc[i]);
  }
}

// Adds blocks [begin, begin + count) of `rows` rows, at most 16, from `r` on by the panels to sums.
template <PanelKind kKind>
__attribute__((noinline)) void multiply_tile(const GroupedArgs& args, const SignedChunk<kKind>& u, std::int64_t r,
                                             std::int64_t rows, std::int64_t begin, std::int64_t count,
                                             float (*sums)[kPanelOutputs]) {
  TileRows x;
  fill_rows<kKind>(args.x, r, rows, begin, count, x);
  if (rows < kTileRows) args.tiles.configure(grouped_tile_config(kKind.group, rows));
  for (int p = 0; p < kPanels; ++p) add_panel<kKind>(args, u, p, x, r, rows, begin, count, sums);
  if (rows < kTileRows) args.tiles.configure(grouped_tile_config(kKind.group, kTileRows));
}

// As many of the rows [r, end) as tiles take; returns how many.
template <PanelKind kKind>
TTT_INLINE std::int64_t multiply_tiles(const GroupedArgs& args, const WeightPanels& weights, std::int64_t r,
                                       std::int64_t end, std::int64_t begin, std::int64_t count,
                                       float (*sums)[kPanelOutputs]) {
  if (end - r < kTileLeastRows) return 0;
  SignedChunk<kKind> u;
  fill_signed<kKind>(args, weights, begin, count, u);
  std::int64_t done = 0;
  while (end - r - done >= kTileLeastRows) {
    const std::int64_t left = end - r - done, rows = left < kTileRows ? left : kTileRows;
    multiply_tile<kKind>(args, u, r + done, rows, begin, count, sums + done);
    done += rows;
  }
  return done;
}

}  // namespace ttt::kernels::TTT_LEVEL::grouped
#endif
