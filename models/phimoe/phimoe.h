#pragma once

#include "runtime/model.h"

namespace ttt {

// Phi-3.5-MoE: LayerNorm before attention and before a mixture of experts, two of which are chosen by SparseMixer. In long
// sequences it keeps the rotary frequencies of short ones, as the class of transformers does.
const Family& phimoe_family();

}  // namespace ttt
