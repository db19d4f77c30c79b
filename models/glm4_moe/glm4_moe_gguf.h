#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

std::span<const GgufSpelling> glm4_moe_gguf_spellings();

}  // namespace ttt
