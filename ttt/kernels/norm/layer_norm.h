#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// y[r, :] = (x[r, :] - mean(x[r, :])) / sqrt(var(x[r, :]) + eps) * (weight_offset + weight[:]) + bias[:]
struct LayerNormArgs {
  ConstTensorView x = {};       // [rows, dim], f32
  ConstTensorView weight = {};  // [dim], f32; null data: all ones
  ConstTensorView bias = {};    // [dim], f32; null data: zeros
  TensorView y = {};            // [rows, dim], f32; may be x
  float eps = 0, weight_offset = 0;
};
using LayerNormFn = void (*)(Exec&, const LayerNormArgs&) noexcept;
struct LayerNormKernels {
  LayerNormFn norm, norm_add;
};

// The variance is the mean square distance from the mean, taken in a second pass, which also corrects the mean.
// reference: everything in double precision.
LayerNormFn select_layer_norm(const DeviceTraits& traits, bool reference = false);
// y += instead of y =.
LayerNormFn select_layer_norm_add(const DeviceTraits& traits, bool reference = false);

double operations(const LayerNormArgs& args);
double bytes(const LayerNormArgs& args);

}  // namespace ttt::kernels
