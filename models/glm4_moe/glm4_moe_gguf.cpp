#include "models/glm4_moe/glm4_moe_gguf.h"

namespace ttt {

std::span<const GgufSpelling> glm4_moe_gguf_spellings() { return {}; }

}  // namespace ttt
