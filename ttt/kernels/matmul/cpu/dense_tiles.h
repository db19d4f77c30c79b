#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/tiles.h"
#include "kernels/matmul/cpu/dense_transpose.h"
#include "kernels/matmul/cpu/dense_weights.h"
#include "kernels/matmul/cpu/epilogue.h"

// Products of many rows by tiles, in bf16. A panel of x (32 inputs of 16 rows, in pairs) is the second operand of a
// tile product without a change, and 16 rows of the weight, as the file holds them, are the first: so the weight needs
// no packed copy, and the kernels for few rows read the same memory. 32 outputs x 512 inputs of it are copied together
// into L1, because its rows, often a power of two apart, would use the same cache lines; each copy is multiplied with
// the panels of a band in L2. Every
// output adds its products in the order of `in`, 32 by 32, whatever the number of rows.
#if defined(TTT_TILES)
namespace ttt::kernels::TTT_LEVEL {

inline constexpr std::int64_t kTileStep = 32;             // inputs of one tile product
inline constexpr std::int64_t kTileOuts = 2 * kTileRows;  // outputs of one block of results
inline constexpr std::int64_t kTileUnit = 2 * kTileOuts;  // of one range: fewer would stream x from L3 too often
inline constexpr std::int64_t kTileInputs = 512;          // of one copy of weights
inline constexpr std::int64_t kTilePanels = 16;           // panels of one band at most
inline constexpr std::int64_t kTileBandBytes = 1 << 20;   // of x: half of L2, where processors have tiles
inline constexpr std::int64_t kTileValues = kTileRows * kTileStep;

// Registers: 0..3 the sums of 2 x 16 outputs by 2 panels, 4 and 5 the weights, 6 and 7 the panels.
using TileSums = float[4][kTileRows * kTileRows];  // [outputs / 16, panel][output][row]
using TileWeights = std::uint16_t[kTileInputs / kTileStep][2][kTileRows][kTileStep];  // [step][outputs / 16]

constexpr TileConfig dense_tile_config() {
  TileConfig c;
  for (int i = 0; i < kTileRegisters; ++i) c.set(i, kTileRows, kTileBytes);
  return c;
}

// Inputs [k, k + n) of `outs` weight rows from `out` on, zeros elsewhere in their tiles.
TTT_INLINE void copy_weights(const MatmulProblem& problem, std::int64_t out, std::int64_t outs, std::int64_t k,
                             std::int64_t n, TileWeights& to) {
  const std::int64_t steps = (n + kTileStep - 1) / kTileStep;
  for (std::int64_t o = 0; o < kTileOuts; ++o) {
    std::uint16_t(*tile)[2][kTileRows][kTileStep] = to;
    const std::int64_t which = o / kTileRows, row = o % kTileRows;
    if (o >= outs) {
      for (std::int64_t s = 0; s < steps; ++s) std::memset(tile[s][which][row], 0, kTileBytes);
      continue;
    }
    const std::uint16_t* w = weight_row<StoredBf16>(problem.w.data, problem.w.row_bytes, out + o) + k;
    std::int64_t s = 0;
    for (; (s + 1) * kTileStep <= n; ++s) {
      // The same row's next part, into L2.
      _mm_prefetch(reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(w + s * kTileStep) +
                                                 kTileInputs * sizeof(std::uint16_t)),
                   _MM_HINT_T1);
      std::memcpy(tile[s][which][row], w + s * kTileStep, kTileBytes);
    }
    if (s < steps) {
      std::memset(tile[s][which][row], 0, kTileBytes);
      std::memcpy(tile[s][which][row], w + s * kTileStep, static_cast<std::size_t>(n - s * kTileStep) * 2);
    }
  }
}

// Adds `steps` tile products to the sums, which begin at zero where `first`.
template <int kPanels>
TTT_INLINE void add_tiles(Tiles& tiles, const TileWeights& w, const std::uint16_t* x, std::int64_t x_stride,
                          std::int64_t steps, bool first, TileSums& sums) {
  if (first) {
    tiles.clear<0>();
    tiles.clear<2>();
    if constexpr (kPanels == 2) tiles.clear<1>(), tiles.clear<3>();
  } else {
    tiles.load<0>(sums[0], kTileBytes);
    tiles.load<2>(sums[2], kTileBytes);
    if constexpr (kPanels == 2) tiles.load<1>(sums[1], kTileBytes), tiles.load<3>(sums[3], kTileBytes);
  }
#pragma GCC unroll 1
  for (std::int64_t s = 0; s < steps; ++s) {
    tiles.load<4>(w[s][0], kTileBytes);
    tiles.load<6>(x + s * kTileValues, kTileBytes);
    tiles.add_bf16<0, 4, 6>();
    tiles.load<5>(w[s][1], kTileBytes);
    if constexpr (kPanels == 2) {
      tiles.load<7>(x + x_stride + s * kTileValues, kTileBytes);
      tiles.add_bf16<1, 4, 7>();
    }
    tiles.add_bf16<2, 5, 6>();
    if constexpr (kPanels == 2) tiles.add_bf16<3, 5, 7>();
  }
  tiles.store<0>(sums[0], kTileBytes);
  tiles.store<2>(sums[2], kTileBytes);
  if constexpr (kPanels == 2) tiles.store<1>(sums[1], kTileBytes), tiles.store<3>(sums[3], kTileBytes);
}

// Stores the results of one panel: sums[0] and sums[2] are those of its 32 outputs.
TTT_INLINE void finish_tiles(const PreparedRows& x, const MatmulProblem& problem, std::int64_t panel, std::int64_t out,
                             std::int64_t outs, const float (*sums)[kTileRows * kTileRows]) {
  alignas(64) float t[kTileRows * kTileOuts];
  transpose_16x16(sums[0], kTileRows, t, kTileOuts);
  transpose_16x16(sums[2], kTileRows, t + kTileRows, kTileOuts);
  const std::int64_t row = panel * kActivationPanel;
  const std::int64_t rows = x.rows - row < kActivationPanel ? x.rows - row : kActivationPanel;
  for (std::int64_t r = 0; r < rows; ++r) finish_run(problem, row + r, out, outs, t + r * kTileOuts);
}

// Panels [begin, end), at most kTilePanels, by `outs` outputs from `out` on.
TTT_INLINE void tile_block(Tiles& tiles, const PreparedRows& x, const MatmulProblem& problem, std::int64_t begin,
                           std::int64_t end, std::int64_t out, std::int64_t outs) {
  alignas(64) TileSums sums[kTilePanels / 2];
  alignas(64) TileWeights weights;
  const std::int64_t x_stride = x.padded_in * kActivationPanel;
  const std::uint16_t* values = reinterpret_cast<const std::uint16_t*>(x.values);
  std::int64_t k = 0;
  do {  // without inputs too, for the sums
    const std::int64_t n = x.in - k < kTileInputs ? x.in - k : kTileInputs, steps = (n + kTileStep - 1) / kTileStep;
    copy_weights(problem, out, outs, k, n, weights);
    for (std::int64_t p = begin; p < end; p += 2) {
      const std::uint16_t* from = values + p * x_stride + k * kActivationPanel;
      TileSums& to = sums[(p - begin) / 2];
      if (end - p >= 2) {
        add_tiles<2>(tiles, weights, from, x_stride, steps, k == 0, to);
      } else {
        add_tiles<1>(tiles, weights, from, x_stride, steps, k == 0, to);
      }
    }
    k += kTileInputs;
  } while (k < x.in);
  for (std::int64_t p = begin; p < end; ++p) {
    finish_tiles(x, problem, p, out, outs, sums[(p - begin) / 2] + (p - begin) % 2);
  }
}

void tile_bf16(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin,
               std::int64_t out_end) noexcept {
  constexpr TileConfig kConfig = dense_tile_config();
  Tiles tiles(kConfig);
  const std::int64_t panels = (x.rows + kActivationPanel - 1) / kActivationPanel;
  const std::int64_t panel_bytes = (x.padded_in > 0 ? x.padded_in : 1) * kActivationPanel * 2;
  const std::int64_t pairs = kTileBandBytes / panel_bytes / 2;
  const std::int64_t band = pairs < 1 ? 2 : pairs > kTilePanels / 2 ? kTilePanels : 2 * pairs;
  for (std::int64_t p = 0; p < panels; p += band) {
    for (std::int64_t out = out_begin; out < out_end; out += kTileOuts) {
      tile_block(tiles, x, problem, p, p + band < panels ? p + band : panels, out,
                 out_end - out < kTileOuts ? out_end - out : kTileOuts);
    }
  }
}

}  // namespace ttt::kernels::TTT_LEVEL
#endif
