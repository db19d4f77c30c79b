#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "llama4", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: rows of q and k
// as Hugging Face has them, the experts of a layer in one tensor, llama3 scaling in the tensor rope_freqs.weight.
std::span<const GgufSpelling> llama4_gguf_spellings();

}  // namespace ttt
