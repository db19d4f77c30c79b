#pragma once

#include "runtime/model.h"

namespace ttt {

// Mixtral: Mistral's layer with a mixture of SwiGLU experts, whose weights sum to 1. Its GGUF files have the
// architecture "llama".
const Family& mixtral_family();

}  // namespace ttt
