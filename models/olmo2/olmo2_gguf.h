#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// The architecture olmo2; files with windows are OLMo-3's.
std::span<const GgufSpelling> olmo2_gguf_spellings();

}  // namespace ttt
