#pragma once

#include "runtime/model.h"

namespace ttt {

// OLMoE: pre-norm decoder layers with experts; queries and keys are normed over all heads.
const Family& olmoe_family();

}  // namespace ttt
