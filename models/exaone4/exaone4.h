#pragma once

#include "runtime/model.h"

namespace ttt {

// EXAONE 4: norms after attention and feed-forward, normed queries and keys. Of the large model, three layers in four
// have a window; the others see everything and do not rotate. The small one has no windows and rotates everywhere.
const Family& exaone4_family();

}  // namespace ttt
