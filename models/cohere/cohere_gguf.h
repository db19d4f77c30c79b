#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architectures "command-r" and "cohere2", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes
// them: rows of q and k as Hugging Face has them.
std::span<const GgufSpelling> cohere_gguf_spellings();

}  // namespace ttt
