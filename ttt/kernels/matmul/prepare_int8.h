#pragma once

#include "kernels/matmul/matmul.h"

namespace ttt::kernels {

// Rows as int8 codes, row-major. Per row and group of 32 inputs: scale = max|x| / 127, codes = x / scale rounded to
// nearest even. A group whose largest magnitude is below 2e-36 becomes zero; one with an infinity or NaN gives NaN
// wherever it is used. Bitwise the same at every level.
PrepareFn select_prepare_int8(const DeviceTraits& traits);

}  // namespace ttt::kernels
