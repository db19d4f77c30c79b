#pragma once

#include <set>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.h"

namespace ttt {

// Names of the checkpoint that are not in `used`, without those that models leave out knowingly: copies of a tied
// head, tables of rotary frequencies, position ids and causal masks saved as buffers. Sorted.
std::vector<std::string> unused_tensors(const Checkpoint& checkpoint, const std::set<std::string, std::less<>>& used);

}  // namespace ttt
