#pragma once

#include "runtime/model.h"

namespace ttt {

// GPT-NeoX and Pythia: LayerNorm, partly rotated heads whose q, k and v lie side by side, attention and feed-forward in
// parallel or one after the other.
const Family& gpt_neox_family();

}  // namespace ttt
