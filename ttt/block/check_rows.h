#pragma once

#include <cstdint>

#include "base/context.h"
#include "base/tensor.h"

namespace ttt {

// Error{kInternal} that names the place unless x and y are [rows, width] with the same number of rows.
void check_rows(const Place& place, ConstTensorView x, ConstTensorView y, std::int64_t width);

}  // namespace ttt
