#pragma once

#include "kernels/activation/activation.h"

namespace ttt::kernels {

// The element-wise functions at one instruction set.
struct ActivationTable {
  ActivationFn relu, relu2, gelu, gelu_tanh, quick_gelu, silu, sigmoid, tanh;
};

}  // namespace ttt::kernels
