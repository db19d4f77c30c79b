#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// A norm over rows that are cut over ranks: each rank computes the statistics of its part, and scales its part by those
// of all ranks.
// reference: in double precision, statistics between the two in f32.
namespace ttt::kernels {

// statistics[r, :] = {mean, sum of squared distances from it} of x[r, :]; of the root mean square, the mean is 0.
struct RowMomentsArgs {
  ConstTensorView x = {};      // [rows, part], f32; part may be 0
  TensorView statistics = {};  // [rows, 2], f32
};
using RowMomentsFn = void (*)(Exec&, const RowMomentsArgs&) noexcept;
RowMomentsFn select_row_moments(const DeviceTraits& traits, bool reference = false);
RowMomentsFn select_row_moments_about_zero(const DeviceTraits& traits, bool reference = false);

// y[r, :] = (x[r, :] - mean_r) / sqrt(squares_r / dim + eps) * (weight_offset + weight[:]) + bias[:]
// mean_r and squares_r are those of all parts, combined in the order of ranks by Chan, Golub and LeVeque's rule.
struct ShardNormArgs {
  ConstTensorView x = {};                    // [rows, part], f32
  ConstTensorView weight = {};               // [part], f32; null data: all ones
  ConstTensorView bias = {};                 // [part], f32; null data: zeros
  TensorView y = {};                         // [rows, part], f32; may be x
  const float* statistics = nullptr;         // [ranks, rows, 2]
  std::span<const std::int64_t> parts = {};  // [ranks], columns of each
  float eps = 0, weight_offset = 0;
};
using ShardNormFn = void (*)(Exec&, const ShardNormArgs&) noexcept;
ShardNormFn select_shard_norm(const DeviceTraits& traits, bool reference = false);
ShardNormFn select_shard_norm_add(const DeviceTraits& traits, bool reference = false);  // y +=

struct ShardNormKernels {
  RowMomentsFn moments, moments_about_zero;
  ShardNormFn norm, norm_add;
};

double operations(const RowMomentsArgs& args);
double bytes(const RowMomentsArgs& args);
double operations(const ShardNormArgs& args);
double bytes(const ShardNormArgs& args);

}  // namespace ttt::kernels
