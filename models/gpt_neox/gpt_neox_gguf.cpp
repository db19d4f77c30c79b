#include "models/gpt_neox/gpt_neox_gguf.h"

namespace ttt {

std::span<const GgufSpelling> gpt_neox_gguf_spellings() { return {}; }

}  // namespace ttt
