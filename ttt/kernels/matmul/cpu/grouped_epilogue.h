#pragma once

#include <cstdint>

#include "kernels/cpu/level.h"
#include "kernels/matmul/matmul.h"

namespace ttt::kernels::TTT_LEVEL::grouped {

// Stores results [begin, begin + n) of row `r` as job.epilogue says; values is overwritten.
TTT_INLINE void store_results(const MatmulJob& job, std::int64_t r, std::int64_t begin, std::int64_t n, float* values) {
  const Epilogue& e = job.epilogue;
  float* y = reinterpret_cast<float*>(job.y.data + r * job.y.row_bytes) + begin;
  if (e.bias) {
    const float* bias = reinterpret_cast<const float*>(e.bias.data) + begin;
    for (std::int64_t i = 0; i < n; ++i) values[i] += bias[i];
  }
  if (e.activate) e.activate(values, n, e.params);
  if (e.multiply) {
    const float* factor = reinterpret_cast<const float*>(e.multiply.data + r * e.multiply.row_bytes) + begin;
    for (std::int64_t i = 0; i < n; ++i) values[i] *= factor[i];
  }
  if (e.accumulate) {
    for (std::int64_t i = 0; i < n; ++i) values[i] += y[i];
  }
  for (std::int64_t i = 0; i < n; ++i) y[i] = values[i];
}

}  // namespace ttt::kernels::TTT_LEVEL::grouped
