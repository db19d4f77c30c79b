#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// y[r, :] = x[r, :] / sqrt(mean(x[r, :]^2) + eps) * (weight_offset + weight[:])
struct RmsNormArgs {
  ConstTensorView x = {};       // [rows, dim], f32
  ConstTensorView weight = {};  // [dim], f32; null data: all ones
  TensorView y = {};            // [rows, dim], f32; may be x
  float eps = 0;
  float weight_offset = 0;
};
using RmsNormFn = void (*)(Exec&, const RmsNormArgs&) noexcept;
struct RmsNormKernels {
  RmsNormFn norm, norm_add;
};

// The mean is accumulated in f32 over vector lanes; reference: everything in double precision.
RmsNormFn select_rms_norm(const DeviceTraits& traits, bool reference = false);
// y += instead of y =.
RmsNormFn select_rms_norm_add(const DeviceTraits& traits, bool reference = false);

double operations(const RmsNormArgs& args);
double bytes(const RmsNormArgs& args);

}  // namespace ttt::kernels
