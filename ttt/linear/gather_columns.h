#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"

namespace ttt {

// y = the ranks' parts of its columns side by side: x is this rank's [rows, counts[rank]], dense; y: [rows, sum of
// counts]; f32. A planned step has nothing to gather.
void gather_columns(Exec& exec, ConstTensorView x, std::span<const std::int64_t> counts, TensorView y);

// all[r] = what rank r has in `mine`: parts of one shape. all: [ranks, the shape of mine], dense.
void gather_alike(Exec& exec, ConstTensorView mine, TensorView all);

}  // namespace ttt
