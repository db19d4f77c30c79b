#include "models/gpt_oss/gpt_oss_gguf.h"

namespace ttt {

std::span<const GgufSpelling> gpt_oss_gguf_spellings() { return {}; }

}  // namespace ttt
