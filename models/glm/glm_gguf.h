#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// The architectures chatglm (of `glm`) and glm4. Files may have queries, keys and values in one tensor.
std::span<const GgufSpelling> glm_gguf_spellings();

}  // namespace ttt
