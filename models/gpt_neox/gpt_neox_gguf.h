#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "gptneox", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: all of q, then
// all of k and of v.
std::span<const GgufSpelling> gpt_neox_gguf_spellings();

}  // namespace ttt
