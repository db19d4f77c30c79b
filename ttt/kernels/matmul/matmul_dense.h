#pragma once

#include "kernels/matmul/matmul.h"

// Products with dense weights, row-major.

namespace ttt::kernels {

// The products of one level, by format of the weight. An entry without a function does not exist.
struct DenseKernels {
  MatmulKernel few_f32, few_bf16, few_f16;     // activations in f32, row-major
  MatmulKernel many_f32, many_bf16, many_f16;  // activations in f32, panels
  MatmulKernel few_bf16_bf16, many_bf16_bf16;  // activations in bf16
};

// Throws Error{kUnsupported} naming the request when there is no such kernel.
const MatmulKernel& select_dense_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, RowClass rows);

// Whether bf16 weights are multiplied faster as bf16 pairs than converted to f32: by tiles, or by fast dot
// products. False where the level has neither.
bool bf16_dots_pay(const DeviceTraits& traits);

}  // namespace ttt::kernels
