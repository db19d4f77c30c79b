#pragma once

#include <cstdint>

#include "kernels/cpu/simd.h"
#include "kernels/matmul/matmul.h"

namespace ttt::kernels::TTT_LEVEL {

// Finishes a run of results of one row and stores it: values[i] belongs to y[row, out + i]. The values are overwritten.
TTT_INLINE void finish_run(const MatmulProblem& problem, std::int64_t row, std::int64_t out, std::int64_t n,
                           float* values) {
  const Epilogue& e = problem.epilogue;
  if (e.bias) {
    const float* bias = e.bias.row<float>(0) + out;
    std::int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes) store(values + i, load(values + i) + load(bias + i));
    if (i < n) store_part(values + i, load_part(values + i, n - i) + load_part(bias + i, n - i), n - i);
  }
  if (e.activate != nullptr) e.activate(values, n, e.params);
  float* y = problem.y.row<float>(row) + out;
  std::int64_t i = 0;
  if (e.accumulate) {
    for (; i + kLanes <= n; i += kLanes) store(y + i, load(y + i) + load(values + i));
    if (i < n) store_part(y + i, load_part(y + i, n - i) + load_part(values + i, n - i), n - i);
    return;
  }
  if (is_streamed(problem) && (reinterpret_cast<std::uintptr_t>(y) & 63) == 0) {
    for (; i + 16 <= n; i += 16) {
      for (std::int64_t lane = 0; lane < 16; lane += kLanes) stream(y + i + lane, load(values + i + lane));
    }
  }
  for (; i + kLanes <= n; i += kLanes) store(y + i, load(values + i));
  if (i < n) store_part(y + i, load_part(values + i, n - i), n - i);
}

}  // namespace ttt::kernels::TTT_LEVEL
