#pragma once

#include "runtime/model.h"

namespace ttt {

// SmolLM3: Llama's layer; some layers do not rotate queries and keys, and may have a window.
const Family& smollm3_family();

}  // namespace ttt
