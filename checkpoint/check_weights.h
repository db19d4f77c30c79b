#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"
#include "checkpoint/weight_store.h"

namespace ttt {

// A tensor with values that are no numbers.
struct NonFinite {
  std::string name = {};
  std::int64_t nans = 0, infinities = 0;
  std::int64_t first = 0;  // index of the first in the file's order of elements
};

// Reads every weight of the checkpoint (quantised ones decoded). Tensors of formats without values here are left out.
std::vector<NonFinite> check_weights(const Checkpoint& checkpoint, const ParallelFor& parallel_for = {});

}  // namespace ttt
