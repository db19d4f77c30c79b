#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architecture "deepseek2", as convert_hf_to_gguf.py of ggml-org/llama.cpp writes them: the experts
// of a layer in one tensor. Newer files store kv_b in two tensors, head by head: the rows of keys, transposed, and the
// rows of values. Older files have both in one tensor.
std::span<const GgufSpelling> deepseek_gguf_spellings();

}  // namespace ttt
