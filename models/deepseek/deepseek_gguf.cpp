#include "models/deepseek/deepseek_gguf.h"

namespace ttt {

std::span<const GgufSpelling> deepseek_gguf_spellings() { return {}; }

}  // namespace ttt
