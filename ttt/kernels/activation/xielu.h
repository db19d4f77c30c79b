#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// x = p x^2 + beta x                          where x > 0
//     n (e^min(x, eps) - 1 - x) + beta x      elsewhere
// with p = softplus(alpha_p), n = beta + softplus(alpha_n)
struct XieluArgs {
  TensorView x = {};                           // [rows, dim], f32, changed in place
  ConstTensorView alpha_p = {}, alpha_n = {};  // [1], f32
  float beta = 0, eps = 0;
};
using XieluFn = void (*)(Exec&, const XieluArgs&) noexcept;
struct XieluKernels {
  XieluFn xielu;
};

// reference: in double precision.
XieluFn select_xielu(const DeviceTraits& traits, bool reference = false);

double operations(const XieluArgs& args);
double bytes(const XieluArgs& args);

}  // namespace ttt::kernels
