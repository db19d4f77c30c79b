#pragma once

#include "base/format.h"
#include "kernels/matmul/matmul.h"

// Products with grouped weights in panels (kernels/formats/packed.h).

namespace ttt::kernels {

inline constexpr int kGroupedFormats = static_cast<int>(Format::kTQ2_0) - static_cast<int>(Format::kQ4_0) + 1;

// The products of one level, by format from kQ4_0 on.
struct GroupedKernels {
  MatmulKernel int8[kGroupedFormats];
};
// Activations in f32. A separate table, because VNNI is of no use here.
struct GroupedF32Kernels {
  MatmulKernel f32[kGroupedFormats];
};

// One kernel serves every number of rows; the bits of a row do not depend on the batch. Throws Error{kUnsupported}
// naming the request when there is no such kernel.
const MatmulKernel& select_grouped_matmul(const DeviceTraits& traits, Format weight, ActivationForm form);

}  // namespace ttt::kernels
