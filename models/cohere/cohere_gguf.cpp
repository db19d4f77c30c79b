#include "models/cohere/cohere_gguf.h"

namespace ttt {

std::span<const GgufSpelling> cohere_gguf_spellings() { return {}; }

}  // namespace ttt
