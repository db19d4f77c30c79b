#pragma once

#include "runtime/model.h"

namespace ttt {

// StarCoder2: pre-norm decoder layers with LayerNorm, biases, a feed-forward without gate, and windows.
const Family& starcoder2_family();

}  // namespace ttt
