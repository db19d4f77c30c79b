#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/scratch.h"
#include "kernels/norm/shard_norm.h"

namespace ttt {

// The moments of every rank's part of each row: [ranks, rows, 2], in the order of ranks, in the caller's frame. x: this
// rank's part; one_each: [ranks], all 1.
TensorView gather_moments(Exec& exec, Scratch::Frame& frame, kernels::RowMomentsFn moments, ConstTensorView x,
                          std::span<const std::int64_t> one_each);

}  // namespace ttt
