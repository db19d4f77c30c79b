#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/cpu/level.h"
#include "kernels/formats/packed_layout.h"
#include "kernels/matmul/cpu/epilogue.h"
#include "kernels/matmul/cpu/grouped_kernels.h"
#include "kernels/matmul/cpu/grouped_panel.h"
#include "kernels/matmul/matmul_grouped.h"

// Grouped panels times f32 rows, for results without the rounding of activations: each block of 32 inputs is turned
// into values once for a band of rows. Every output is summed input by input, whatever the rows and outputs of the
// call.

namespace ttt::kernels::TTT_LEVEL {

namespace grouped {
namespace {

// Rows that share the values of a block; their sums are registers.
constexpr int kBand = kGroupedRows == 6 ? 8 : kGroupedRows;

// values[input][channel] of one block.
using Values = float[kBlockInputs][kPanelWidth];

template <PanelKind kKind, int kStep>
TTT_INLINE void step_values(const std::byte* block, const Scales& s, Values& values) {
  const Bytes codes = codes_of<stored_bits(kKind), kStep>(block);
  const Floats scale = s.scale[kKind.group == 16 ? kStep / 4 : 0];
  for (int j = 0; j < 4; ++j) {
    Floats v = quarter_of(codes, j);
    if constexpr (kKind.centre != 0) v = add(v, all_floats(-kKind.centre));
    if constexpr (kKind.scales != ScaleKind::kChannel) v = mul(v, scale);
    if constexpr (kKind.centre == 0) v = add(v, s.minimum[kKind.group == 16 ? kStep / 4 : 0]);
    store_floats(values[4 * kStep + j], v);
  }
}

template <PanelKind kKind>
TTT_INLINE void block_values(const Panel& panel, std::int64_t block, int super_shift, Values& values) {
  const Scales s = scales_of<kKind>(panel, block, super_shift);
  const std::byte* codes = panel.codes + block * (kKind.bits * 64);
  step_values<kKind, 0>(codes, s, values);
  step_values<kKind, 1>(codes, s, values);
  step_values<kKind, 2>(codes, s, values);
  step_values<kKind, 3>(codes, s, values);
  step_values<kKind, 4>(codes, s, values);
  step_values<kKind, 5>(codes, s, values);
  step_values<kKind, 6>(codes, s, values);
  step_values<kKind, 7>(codes, s, values);
}

template <PanelKind kKind, int kRows>
void multiply_band(const PreparedRows& x, const MatmulProblem& problem, const PanelLayout& layout, std::int64_t r,
                   std::int64_t out, std::int64_t out_end) {
  const Panel panel = panel_at(problem.w.data + out / kPanelWidth * layout.bytes, layout);
  const float* rows[kRows];
  Floats acc[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    rows[i] = reinterpret_cast<const float*>(x.values + (r + i) * x.row_bytes);
    acc[i] = zero_floats();
  }
  for (std::int64_t b = 0; b < layout.blocks; ++b) {
    alignas(64) Values values;
    block_values<kKind>(panel, b, layout.super_shift, values);
    for (std::int64_t k = 0; k < kBlockInputs; ++k) {
      const Floats w = load_floats(values[k]);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) acc[i] = fma(w, all_floats(rows[i][b * kBlockInputs + k]), acc[i]);
    }
  }
  const std::int64_t n = out_end - out < kPanelWidth ? out_end - out : kPanelWidth;
  for (int i = 0; i < kRows; ++i) {
    float results[kPanelWidth];
    store_floats(results, scaled_total<kKind>(panel, acc[i]));
    finish_run(problem, r + i, out, n, results);
  }
}

template <PanelKind kKind>
void tile_f32(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin,
              std::int64_t out_end) noexcept {
  const PanelLayout layout = panel_layout(kKind, problem.w.dim(1));
  for (std::int64_t out = out_begin; out < out_end; out += kPanelWidth) {
    std::int64_t r = 0;
    for (; x.rows - r >= kBand; r += kBand) multiply_band<kKind, kBand>(x, problem, layout, r, out, out_end);
    for (; r < x.rows; ++r) multiply_band<kKind, 1>(x, problem, layout, r, out, out_end);
  }
}

template <Format kFormat>
constexpr MatmulKernel kernel(std::string_view name) {
  return {ActivationForm::kF32, false, kGroupedUnit, tile_f32<panel_kind(kFormat)>, name};
}

}  // namespace
}  // namespace grouped
}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(GroupedF32Kernels, .f32 = TTT_GROUPED_KERNELS("_f32"))
}  // namespace ttt::kernels
