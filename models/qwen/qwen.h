#pragma once

#include "runtime/model.h"

namespace ttt {

// Qwen 2, 2.5 and 3, dense and with experts: pre-norm decoder layers of attention with RoPE, biased q, k and v (2) or
// normed q and k (3), and SwiGLU or a mixture of SwiGLU experts.
const Family& qwen_family();

}  // namespace ttt
