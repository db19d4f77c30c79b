#pragma once

#include <span>

#include "checkpoint/gguf_spelling.h"

namespace ttt {

// The architectures granite and granitemoe; the second is that of a shared expert, too.
std::span<const GgufSpelling> granite_gguf_spellings();

}  // namespace ttt
