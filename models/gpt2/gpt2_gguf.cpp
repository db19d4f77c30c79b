#include "models/gpt2/gpt2_gguf.h"

namespace ttt {

std::span<const GgufSpelling> gpt2_gguf_spellings() { return {}; }

}  // namespace ttt
