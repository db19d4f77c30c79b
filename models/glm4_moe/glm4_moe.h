#pragma once

#include "runtime/model.h"

namespace ttt {

// GLM-4.5 and 4.6: partly rotated heads, which may be normed, dense layers first and then mixtures of experts with
// shared ones, whose routers choose by sigmoid and a correction bias.
const Family& glm4_moe_family();

}  // namespace ttt
