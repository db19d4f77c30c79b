#pragma once

#include "runtime/model.h"

namespace ttt {

// Command R (cohere) and Command R7B (cohere2): one LayerNorm without bias for attention and feed-forward in parallel,
// interleaved RoPE, scaled logits. cohere may norm each head of queries and keys; cohere2 has RoPE only in layers with
// a window.
const Family& cohere_family();

}  // namespace ttt
