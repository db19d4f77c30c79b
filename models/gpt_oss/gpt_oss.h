#pragma once

#include "runtime/model.h"

namespace ttt {

// gpt-oss: a learned sink for each head, windows in every other layer, mixtures of biased experts with a clamped
// SwiGLU, which checkpoints hold in MXFP4 or in bf16.
const Family& gpt_oss_family();

}  // namespace ttt
