#pragma once

#include <cstdint>

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt {

// y = the sum over ranks of y, in rank order
struct AllReduceArgs {
  TensorView y = {};  // f32, dense
};
void all_reduce(Exec& exec, const AllReduceArgs& args);
double operations(const AllReduceArgs& args);
double bytes(const AllReduceArgs& args);

// The launch of the sum for a number of ranks. With one rank it launches nothing.
using ReduceFn = void (*)(Exec&, TensorView y);
ReduceFn select_all_reduce(std::int64_t ranks);

}  // namespace ttt
