#pragma once

#include "runtime/model.h"

namespace ttt {

// Mistral and Ministral: pre-norm decoder layers of attention with RoPE and SwiGLU, as Llama's without biases; a window
// in every layer, in those that the configuration lists (Ministral), or in none. Their GGUF files have the architecture
// "llama".
const Family& mistral_family();

}  // namespace ttt
