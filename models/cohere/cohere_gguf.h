#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

std::span<const GgufSpelling> cohere_gguf_spellings();

}  // namespace ttt
