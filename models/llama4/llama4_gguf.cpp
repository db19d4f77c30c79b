#include "models/llama4/llama4_gguf.h"

namespace ttt {

std::span<const GgufSpelling> llama4_gguf_spellings() { return {}; }

}  // namespace ttt
