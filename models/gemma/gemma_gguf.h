#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architectures "gemma2" and "gemma3", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them:
// every norm holds its gain, one more than the weight of Hugging Face. What its code fixes is completed here.
std::span<const GgufSpelling> gemma_gguf_spellings();

}  // namespace ttt
