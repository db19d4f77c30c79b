#pragma once

#include "runtime/model.h"

namespace ttt {

// Mistral, Ministral and Ministral 3: pre-norm decoder layers of attention with RoPE and SwiGLU, as Llama's without
// biases; a window in every layer, in those that the configuration lists (Ministral), or in none. Ministral 3 scales
// queries by position. GGUF files of the first two have the architecture "llama".
const Family& mistral_family();

}  // namespace ttt
