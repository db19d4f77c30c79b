#pragma once

#include "runtime/model.h"

namespace ttt {

// GPT-2: learned positions, LayerNorm before attention and feed-forward, one transposed tensor of q, k and v.
const Family& gpt2_family();

}  // namespace ttt
