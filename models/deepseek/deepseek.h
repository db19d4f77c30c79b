#pragma once

#include "runtime/model.h"

namespace ttt {

// DeepSeek V2, V3 and R1: latent attention, dense layers first and then mixtures of experts with shared ones, whose
// routers choose within groups.
const Family& deepseek_family();

}  // namespace ttt
