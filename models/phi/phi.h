#pragma once

#include "runtime/model.h"

namespace ttt {

// Phi-1, 1.5 and 2: one LayerNorm in a layer, then attention with partial RoPE and a feed-forward side by side.
const Family& phi_family();

}  // namespace ttt
