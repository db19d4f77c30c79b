#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// One row for each sequence of a step. Limited by memory and compiled for the baseline only.
namespace ttt::kernels {

struct PoolRowsArgs {
  ConstTensorView x = {};                        // [rows, dim], f32
  std::span<const std::int64_t> row_begin = {};  // [seqs + 1]; no sequence is empty
  TensorView y = {};                             // [seqs, dim], f32
};
using PoolRowsFn = void (*)(Exec&, const PoolRowsArgs&) noexcept;
void pool_mean(Exec& exec, const PoolRowsArgs& args) noexcept;   // summed in double precision
void pool_first(Exec& exec, const PoolRowsArgs& args) noexcept;  // the sequence's first row
void pool_last(Exec& exec, const PoolRowsArgs& args) noexcept;   // its last row
double operations(const PoolRowsArgs& args);
double bytes(const PoolRowsArgs& args);

// y[r, :] /= max(|y[r, :]|, eps)
struct NormalizeRowsArgs {
  TensorView y = {};  // [rows, dim], f32
  float eps = 0;
};
using NormalizeRowsFn = void (*)(Exec&, const NormalizeRowsArgs&) noexcept;
void normalize_rows(Exec& exec, const NormalizeRowsArgs& args) noexcept;
void keep_rows(Exec& exec, const NormalizeRowsArgs& args) noexcept;  // y as it is
double operations(const NormalizeRowsArgs& args);
double bytes(const NormalizeRowsArgs& args);

}  // namespace ttt::kernels
