#pragma once

#include "kernels/matmul/matmul.h"

namespace ttt::kernels {

// The dense products of one instruction set, by format of the weight. An entry without a function was not built.
struct DenseKernels {
  MatmulKernel few_f32, few_bf16, few_f16;     // activations in f32, row-major
  MatmulKernel many_f32, many_bf16, many_f16;  // activations in f32, panels
  MatmulKernel few_bf16_bf16, many_bf16_bf16;  // activations in bf16
};

}  // namespace ttt::kernels
