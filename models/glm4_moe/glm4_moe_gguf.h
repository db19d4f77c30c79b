#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "glm4moe", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: the experts of
// a layer in one tensor; layers that predict further tokens are counted, and left out here.
std::span<const GgufSpelling> glm4_moe_gguf_spellings();

}  // namespace ttt
