#pragma once

#include "runtime/model.h"

namespace ttt {

// GLM-4 of both generations: partial, interleaved RoPE, biased queries, keys and values, SwiGLU; `glm4` also norms the
// results of attention and feed-forward.
const Family& glm_family();

}  // namespace ttt
