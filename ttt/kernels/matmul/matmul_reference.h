#pragma once

#include "kernels/matmul/matmul.h"

namespace ttt::kernels {

// Products with the exactly decoded weights in double precision, in f32 rows without panels; slow, for tests. Takes any
// weight of select_matmul, and grouped ones row-major. Throws Error{kUnsupported} for others.
const MatmulKernel& select_reference_matmul(Format weight, Layout layout);

}  // namespace ttt::kernels
