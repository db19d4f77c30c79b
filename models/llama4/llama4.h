#pragma once

#include "runtime/model.h"

namespace ttt {

// The text model of Llama 4, alone (llama4_text) or as a part (llama4): layers with RoPE that attend within their
// chunk, and layers without positions that attend to all earlier tokens and scale queries by position; dense layers
// alternate with mixtures of experts.
const Family& llama4_family();

}  // namespace ttt
