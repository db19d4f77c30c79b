#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

std::span<const GgufSpelling> llama4_gguf_spellings();

}  // namespace ttt
