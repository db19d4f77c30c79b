#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// The architecture phi3. Its long rotations lie in two tensors of factors, rope_factors_short and rope_factors_long. A
// window is kept, though llama.cpp leaves it out for this architecture: the model was trained with it.
std::span<const GgufSpelling> phi3_gguf_spellings();

}  // namespace ttt
