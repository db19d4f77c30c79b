#pragma once

#include "runtime/model.h"

namespace ttt {

// OLMo-2 and OLMo-3: norms after attention and feed-forward, queries and keys normed over all heads; OLMo-3 has
// windows, and rotates by other parameters there.
const Family& olmo2_family();

}  // namespace ttt
