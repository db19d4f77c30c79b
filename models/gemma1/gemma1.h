#pragma once

#include "runtime/model.h"

namespace ttt {

// Gemma, the first generation: pre-norm decoder layers of attention with RoPE and GeGLU, gains stored as w - 1, scaled
// embeddings. Later generations are models/gemma.
const Family& gemma1_family();

}  // namespace ttt
