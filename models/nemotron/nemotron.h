#pragma once

#include "runtime/model.h"

namespace ttt {

// Nemotron-3 8B, Nemotron-4 and Minitron: pre-norm decoder layers with LayerNorm whose gains are stored as w - 1,
// partly rotated heads, and a feed-forward with squared ReLU and without gate.
const Family& nemotron_family();

}  // namespace ttt
