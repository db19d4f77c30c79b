#pragma once

#include <cstdint>

#include "base/exec.h"

namespace ttt {

// y += the other ranks' y. A planned step has nothing to reduce.
using ReduceFn = void (*)(Exec&, TensorView y);

// The reduction for a number of ranks; with one rank, nothing.
ReduceFn select_all_reduce(std::int64_t ranks);

}  // namespace ttt
