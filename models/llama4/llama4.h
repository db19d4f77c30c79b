#pragma once

#include "runtime/model.h"

namespace ttt {

// The text model of Llama 4, alone (llama4_text) or as a part (llama4): layers that turn positions and see their chunk,
// and layers without positions that see everything, whose queries grow with the position; dense layers between mixtures
// of experts.
const Family& llama4_family();

}  // namespace ttt
