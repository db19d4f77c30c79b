#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// Encoder and decoder, and the encoder alone.
std::span<const GgufSpelling> t5_gguf_spellings();

}  // namespace ttt
