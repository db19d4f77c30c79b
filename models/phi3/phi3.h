#pragma once

#include "runtime/model.h"

namespace ttt {

// Phi-3, 3.5, 4 and 4-mini: pre-norm decoder layers with fused projections, windows, partial and long rotations.
const Family& phi3_family();

}  // namespace ttt
