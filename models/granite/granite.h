#pragma once

#include "runtime/model.h"

namespace ttt {

// Granite 3 and Granite-MoE, with and without a shared expert: Llama's layer with four multipliers.
const Family& granite_family();

}  // namespace ttt
