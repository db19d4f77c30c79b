#include "kernels/matmul/matmul_grouped.h"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "kernels/cpu/level.h"
#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/epilogue.h"
#include "kernels/matmul/cpu/grouped_args.h"
#include "kernels/matmul/cpu/grouped_kernels.h"
#include "kernels/matmul/cpu/grouped_panel.h"
#include "kernels/matmul/cpu/grouped_tiles.h"

// Grouped panels times int8 rows:
//     y = sum over groups g of  x_scale[g] * (scale[g] * dot(code - centre, x_code)  +  minimum[g] * x_sum[g])
// The dot and the centre's part are exact integers. Every output is summed group by group in the order of the input,
// whatever the rows and outputs of the call: a row's result is bitwise the same in every batch.

namespace ttt::kernels::TTT_LEVEL {

namespace grouped {
namespace {

// kStored: bits of a code where it is read, 8 once a chunk is unpacked.
template <int kBits, int kStored, int kRows, int kPanels, int kStep, int kSteps>
TTT_INLINE void dot_step(Dot<kBits> (&dots)[kRows][kPanels], const std::byte* const (&codes)[kPanels],
                         const Rows (&rows)[kRows], std::int64_t input) {
  typename Dot<kBits>::Operand w[kPanels];
#pragma GCC unroll 2
  for (int p = 0; p < kPanels; ++p) w[p] = Dot<kBits>::operand(codes_of<kStored, kStep>(codes[p]));
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Quad x = load_quad(rows[r].codes + input + 4 * kStep);
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) dots[r][p].template step<kStep % kSteps, kSteps>(w[p], x);
  }
}

// One group of a block: kSteps steps from step kFirst.
template <PanelKind kKind, int kStored, int kRows, int kPanels, int kFirst>
TTT_INLINE void multiply_group(Floats (&acc)[kRows][kPanels], const std::byte* const (&codes)[kPanels],
                               const Scales (&scales)[kPanels], const Rows (&rows)[kRows],
                               const Corrections (&corrections)[kRows], std::int64_t block, std::int64_t in_chunk) {
  constexpr int kBits = code_bits(kKind), kSteps = kKind.group / 4, kHalf = kFirst / 4, kGroups = 32 / kKind.group;
  constexpr bool kHasScale = kKind.scales != ScaleKind::kChannel;
  Dot<kBits> dots[kRows][kPanels];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      dots[r][p].start(kKind.centre && !Dot<kBits>::kCentred ? corrections[r].start[in_chunk * kGroups + kHalf] : 0);
    }
  }
  const std::int64_t input = block * kBlockInputs;
  dot_step<kBits, kStored, kRows, kPanels, kFirst, kSteps>(dots, codes, rows, input);
  dot_step<kBits, kStored, kRows, kPanels, kFirst + 1, kSteps>(dots, codes, rows, input);
  dot_step<kBits, kStored, kRows, kPanels, kFirst + 2, kSteps>(dots, codes, rows, input);
  dot_step<kBits, kStored, kRows, kPanels, kFirst + 3, kSteps>(dots, codes, rows, input);
  if constexpr (kSteps == 8) {
    dot_step<kBits, kStored, kRows, kPanels, 4, kSteps>(dots, codes, rows, input);
    dot_step<kBits, kStored, kRows, kPanels, 5, kSteps>(dots, codes, rows, input);
    dot_step<kBits, kStored, kRows, kPanels, 6, kSteps>(dots, codes, rows, input);
    dot_step<kBits, kStored, kRows, kPanels, 7, kSteps>(dots, codes, rows, input);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Floats x_scale = all_floats(rows[r].scales[block]);
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      const Floats scale = kHasScale ? mul(scales[p].scale[kHalf], x_scale) : x_scale;
      acc[r][p] = fma(to_floats(dots[r][p].result()), scale, acc[r][p]);
      if constexpr (kKind.centre == 0) {
        const float sum = corrections[r].sums[in_chunk * kGroups + kHalf];
        acc[r][p] = fma(scales[p].minimum[kHalf], all_floats(sum), acc[r][p]);
      }
    }
  }
}

// A chunk of a pair of panels with 8 bits a code and scales in f32, for bands of many rows. Where shifts, masks and
// conversions share ports with the dots (measured: Sapphire Rapids, one core, 384 rows), unpacking once per band
// instead of once per 6 rows gains 8 % for Q4_0 and 17 % for Q4_K.
template <PanelKind kKind>
struct Unpacked {
  alignas(64) std::byte codes[kGroupedPanels][kChunk][512];
  alignas(64) float scales[kGroupedPanels][kChunk][scale_vectors(kKind)][kPanelWidth];
};

template <int kBits, int kStep>
TTT_INLINE void unpack_steps(const std::byte* from, std::byte* to) {
  store_bytes(to + 64 * kStep, codes_of<kBits, kStep>(from));
  if constexpr (kStep < 7) unpack_steps<kBits, kStep + 1>(from, to);
}

template <PanelKind kKind>
void unpack(const GroupedArgs& args, const WeightPanels& weights, std::int64_t begin, std::int64_t count,
            Unpacked<kKind>& u) {
  for (int p = 0; p < kPanels; ++p) {
    const Panel& panel = weights.panels[p];
    for (std::int64_t c = 0; c < count; ++c) {
      store_scales<kKind>(scales_of<kKind>(panel, begin + c, args.layout.super_shift), u.scales[p][c]);
      if constexpr (kKind.bits < 8) {
        unpack_steps<stored_bits(kKind), 0>(panel.codes + (begin + c) * (kKind.bits * 64), u.codes[p][c]);
      }
    }
  }
}

template <PanelKind kKind>
TTT_INLINE Scales unpacked_scales(const Unpacked<kKind>& u, int p, std::int64_t c) {
  const auto& v = u.scales[p][c];
  constexpr int kFirst = minimum_at(kKind, 0), kLast = scale_vectors(kKind) - 1;
  return {{load_floats(v[0]), load_floats(v[1])},
          {load_floats(v[kFirst < kLast ? kFirst : kLast]), load_floats(v[kLast])}};
}

// The codes of the chunk that follows, in these panels or in the next ones. While a band is multiplied with a chunk,
// its products of kGroupedRows rows fetch the next chunk into L2, each a share: left to the first product that reads
// it, memory would be waited for. 384 rows by 192 MB of weights: int8 409 to 448 Gop/s, q4_0 379 to 400 (one Emerald
// Rapids core).
struct NextCodes {
  const std::byte* panels[kPanels];
  std::int64_t lines;  // of each panel, for each of kChunk blocks
};
// The share of the i-th of `products` products. blocks: where the next chunk begins.
template <PanelKind kKind>
TTT_INLINE NextCodes next_codes(const GroupedArgs& args, const WeightPanels& weights, std::int64_t blocks,
                                std::int64_t i, std::int64_t products) {
  const bool within = blocks < args.layout.blocks;
  NextCodes next;
  next.lines = (kKind.bits + products - 1) / products;
  for (int p = 0; p < kPanels; ++p) {
    next.panels[p] = weights.panels[p].codes + (within ? blocks * (kKind.bits * 64) : kPanels * args.layout.bytes) +
                     i * next.lines * (64 * kChunk);
  }
  if (i * next.lines >= kKind.bits) next.lines = 0;  // those before have fetched everything
  return next;
}
TTT_INLINE void fetch_next(const NextCodes& next, std::int64_t block) {
  for (std::int64_t line = block * next.lines; line < (block + 1) * next.lines; ++line) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) prefetch_l2(next.panels[p] + 64 * line);
  }
}

// Adds blocks [begin, begin + count) of kRows rows from `r` by the panels to sums. u: these blocks, where kUnpacked.
// next: what to fetch meanwhile; read where kRows is kGroupedRows.
template <PanelKind kKind, int kRows, bool kUnpacked>
__attribute__((noinline)) void multiply_chunk(const GroupedArgs& args, const WeightPanels& weights,
                                              const Unpacked<kKind>* u, std::int64_t r, std::int64_t begin,
                                              std::int64_t count, float (*sums)[kPanelOutputs], const NextCodes& next) {
  // 2 KiB of codes ahead, across the panel's end into the next; more than 4 rows find the panel in L1.
  constexpr bool kStreams = kRows <= 4 && !kUnpacked;
  constexpr std::int64_t kAhead = 2048;
  constexpr int kStored = kUnpacked ? 8 : stored_bits(kKind);
  Rows rows[kRows];
  Floats acc[kRows][kPanels];
  Corrections corrections[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    rows[i] = row_of(args.x, r + i);
    fill<kKind>(corrections[i], rows[i], begin, count);
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) acc[i][p] = load_floats(sums[i] + p * kPanelWidth);
  }
  for (std::int64_t c = 0; c < count; ++c) {
    const std::int64_t block = begin + c;
    if constexpr (kRows == kGroupedRows) fetch_next(next, c);
    Scales scales[kPanels];
    const std::byte* codes[kPanels];
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) {
      if constexpr (kUnpacked) {
        scales[p] = unpacked_scales<kKind>(*u, p, c);
      } else {
        scales[p] = scales_of<kKind>(weights.panels[p], block, args.layout.super_shift);
      }
      codes[p] = kUnpacked && kKind.bits < 8 ? u->codes[p][c] : weights.panels[p].codes + block * (kKind.bits * 64);
      if constexpr (kStreams) {
#pragma GCC unroll 8
        for (int line = 0; line < kKind.bits; ++line) prefetch(codes[p] + kAhead + 64 * line);
      }
    }
    multiply_group<kKind, kStored, kRows, kPanels, 0>(acc, codes, scales, rows, corrections, block, c);
    if constexpr (kKind.group == 16) {
      multiply_group<kKind, kStored, kRows, kPanels, 4>(acc, codes, scales, rows, corrections, block, c);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int p = 0; p < kPanels; ++p) store_floats(sums[i] + p * kPanelWidth, acc[i][p]);
  }
}

// The same for any number of rows.
template <PanelKind kKind>
void multiply_rows(const GroupedArgs& args, const WeightPanels& weights, std::int64_t r, std::int64_t end,
                   std::int64_t begin, std::int64_t count, float (*sums)[kPanelOutputs]) {
  constexpr bool kGains = kKind.scales != ScaleKind::kChannel;  // those have nothing to unpack
  const std::int64_t first = r, products = end - r < kGroupedRows ? 1 : (end - r) / kGroupedRows;
  const auto next = [&]() __attribute__((always_inline)) {
    return next_codes<kKind>(args, weights, begin + count, (r - first) / kGroupedRows, products);
  };
  const auto step = [&](auto rows) __attribute__((always_inline)) {
    multiply_chunk<kKind, rows.value, false>(args, weights, nullptr, r, begin, count, sums, next());
    r += rows.value, sums += rows.value;
  };
#if defined(TTT_TILES)
  const std::int64_t by_tiles = multiply_tiles<kKind>(args, weights, r, end, begin, count, sums);
  r += by_tiles, sums += by_tiles;
#endif
  if (kGains && end - r >= 2 * kGroupedRows) {
    Unpacked<kKind> u;
    unpack<kKind>(args, weights, begin, count, u);
    for (; end - r >= kGroupedRows; r += kGroupedRows, sums += kGroupedRows) {
      multiply_chunk<kKind, kGroupedRows, kGains>(args, weights, &u, r, begin, count, sums, next());
    }
  }
  while (end - r >= kGroupedRows) step(std::integral_constant<int, kGroupedRows>{});
  if constexpr (kGroupedRows >= 4) {
    if (end - r >= 4) step(std::integral_constant<int, 4>{});
    if (end - r == 3) step(std::integral_constant<int, 3>{});
    if (end - r == 2) step(std::integral_constant<int, 2>{});
  }
  while (r < end) step(std::integral_constant<int, 1>{});
}

// A band of rows by the panels from `out` on: all inputs, then what becomes of the sums.
template <PanelKind kKind>
void multiply_band(const GroupedArgs& args, std::int64_t r, std::int64_t end, std::int64_t out, std::int64_t out_end) {
  const WeightPanels weights = weight_panels_of(args, out, out_end);
  alignas(64) Sums sums;
  for (std::int64_t i = 0; i < end - r; ++i) {
    for (int p = 0; p < kPanels; ++p) store_floats(sums[i] + p * kPanelWidth, zero_floats());
  }
  for (std::int64_t begin = 0; begin < args.layout.blocks; begin += kChunk) {
    const std::int64_t left = args.layout.blocks - begin;
    multiply_rows<kKind>(args, weights, r, end, begin, left < kChunk ? left : kChunk, sums);
  }
  const std::int64_t n = out_end - out < kPanelOutputs ? out_end - out : kPanelOutputs;
  for (std::int64_t i = 0; i < end - r; ++i) {
    for (int p = 0; p < kPanels; ++p) {
      float* s = sums[i] + p * kPanelWidth;
      store_floats(s, scaled_total<kKind>(weights.panels[p], load_floats(s)));
    }
    finish_run(args.problem, r + i, out, n, sums[i]);
  }
}

template <PanelKind kKind>
void tile(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin, std::int64_t out_end) noexcept {
  // Codes of rows that L2 keeps from one pair of panels to the next.
  constexpr std::int64_t kResidentBytes = 768 << 10;
  const PanelLayout layout = panel_layout(kKind, problem.w.dim(1));
#if defined(TTT_TILES)
  Tiles tiles(grouped_tile_config(kKind.group, kTileRows));
  const GroupedArgs args{x, problem, layout, tiles};
#else
  const GroupedArgs args{x, problem, layout};
#endif
  const std::int64_t bands = kResidentBytes / (x.padded_in > 0 ? x.padded_in : 1) / kBand;
  const std::int64_t resident = (bands > 0 ? bands : 1) * kBand;
  for (std::int64_t first = 0; first < x.rows; first += resident) {
    const std::int64_t last = first + resident < x.rows ? first + resident : x.rows;
    for (std::int64_t out = out_begin; out < out_end; out += kPanelOutputs) {
      for (std::int64_t r = first; r < last; r += kBand) {
        multiply_band<kKind>(args, r, r + kBand < last ? r + kBand : last, out, out_end);
      }
    }
  }
}

template <Format kFormat>
constexpr MatmulKernel kernel(std::string_view name) {
  return {ActivationForm::kInt8, false, kGroupedUnit, tile<panel_kind(kFormat)>, name};
}

}  // namespace
}  // namespace grouped
}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(GroupedKernels, .int8 = TTT_GROUPED_KERNELS(""))
}  // namespace ttt::kernels
