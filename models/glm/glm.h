#pragma once

#include "runtime/model.h"

namespace ttt {

// GLM-4 of both generations: partial RoPE of neighbouring pairs, biased queries, keys and values, SwiGLU; `glm4`
// norms what attention and feed-forward give, too.
const Family& glm_family();

}  // namespace ttt
