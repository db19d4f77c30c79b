#pragma once

#include <span>

#include "base/json.h"
#include "checkpoint/gguf.h"
#include "checkpoint/gguf_spelling.h"

namespace ttt {

// The architecture phi3. Its long rotations lie in two tensors of factors, rope_factors_short and rope_factors_long. A
// window is kept, though llama.cpp leaves it out for this architecture: the model was trained with it.
std::span<const GgufSpelling> phi3_gguf_spellings();

// For GgufSpelling::complete of files with such tensors: rope_scaling of type longrope from them, with the
// attention_factor of the file; and no window where the file says 0.
void complete_longrope(const GgufFile& file, Json& config);

}  // namespace ttt
