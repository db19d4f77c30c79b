#pragma once

#include "runtime/model.h"

namespace ttt {

// Mixtral: Mistral's layer with a mixture of SwiGLU experts, whose weights sum to 1. GGUF files of them say "llama".
const Family& mixtral_family();

}  // namespace ttt
