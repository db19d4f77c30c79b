#pragma once

#include "runtime/model.h"

namespace ttt {

// Command R (cohere) and Command R7B (cohere2): one LayerNorm without bias for attention and feed-forward in parallel,
// rotation of neighbouring pairs, scaled logits. cohere may norm queries and keys head by head; cohere2 turns the
// layers with a window only.
const Family& cohere_family();

}  // namespace ttt
