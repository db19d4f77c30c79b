#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "gpt2", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: matrices as [out,
// in].
std::span<const GgufSpelling> gpt2_gguf_spellings();

}  // namespace ttt
