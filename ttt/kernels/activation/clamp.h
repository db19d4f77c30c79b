#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// x = min(max(x, -limit), limit); NaN stays NaN.
struct ClampArgs {
  TensorView x = {};  // [rows, dim], f32, changed in place
  float limit = 0;
};
using ClampFn = void (*)(Exec&, const ClampArgs&) noexcept;
struct ClampKernels {
  ClampFn clamp;
};

ClampFn select_clamp(const DeviceTraits& traits, bool reference = false);

double operations(const ClampArgs& args);
double bytes(const ClampArgs& args);

}  // namespace ttt::kernels
