#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// One row for every position: learned ones, or sines and cosines.
namespace ttt::kernels {

// y[r, :] = table[positions[r] + offset, :]
struct LearnedRowsArgs {
  std::span<const std::int64_t> positions = {};  // [rows], each plus offset in [0, table rows)
  std::int64_t offset = 0;
  ConstTensorView table = {};  // [table rows, dim], row-major, any format
  TensorView y = {};           // [rows, dim], f32
};
using LearnedRowsFn = void (*)(Exec&, const LearnedRowsArgs&) noexcept;
void learned_rows(Exec& exec, const LearnedRowsArgs& args) noexcept;
void learned_rows_add(Exec& exec, const LearnedRowsArgs& args) noexcept;  // y += instead of y =
double operations(const LearnedRowsArgs& args);
double bytes(const LearnedRowsArgs& args);

// y[r, i * step] = sin(a), y[r, i * step + cosine] = cos(a), a = (positions[r] + offset) * frequencies[i]
struct SinusoidRowsArgs {
  std::span<const std::int64_t> positions = {};  // [rows]
  std::int64_t offset = 0;
  std::span<const double> frequencies = {};  // [dim / 2]
  std::int64_t step = 1, cosine = 0;
  TensorView y = {};  // [rows, dim], f32
};
using SinusoidRowsFn = void (*)(Exec&, const SinusoidRowsArgs&) noexcept;
// round_angles: a is rounded to f32, for models whose tables were computed in f32. add: y += instead of y =.
SinusoidRowsFn select_sinusoid_rows(bool round_angles, bool add);
double operations(const SinusoidRowsArgs& args);
double bytes(const SinusoidRowsArgs& args);

}  // namespace ttt::kernels
