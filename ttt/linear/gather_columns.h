#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt {

// y = the ranks' parts of its columns side by side: x is this rank's [rows, counts[rank]], dense; y: [rows, sum of
// counts]; f32.
void gather_columns(Exec& exec, ConstTensorView x, std::span<const std::int64_t> counts, TensorView y);

}  // namespace ttt
