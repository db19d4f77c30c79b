#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "gpt-oss", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: the experts of
// a layer in one tensor for each of gate, up and down, in MXFP4 or in a dense format.
std::span<const GgufSpelling> gpt_oss_gguf_spellings();

}  // namespace ttt
