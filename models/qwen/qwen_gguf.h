#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// GGUF files of the architectures "qwen2", "qwen3", "qwen2moe" and "qwen3moe", as convert_hf_to_gguf.py of
// ggml-org/llama.cpp writes them: rows of q and k as Hugging Face has them, the experts of a layer in one tensor.
std::span<const GgufSpelling> qwen_gguf_spellings();

}  // namespace ttt
