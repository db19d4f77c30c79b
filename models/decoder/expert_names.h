#pragma once

#include "ffn/moe.h"

namespace ttt {

// Experts whose weights are numbered: w1 is the gate, w3 the other factor, w2 leads back.
inline MoENames numbered_expert_weights() {
  MoENames names;
  names.gate = "experts.{}.w1.weight";
  names.up = "experts.{}.w3.weight";
  names.down = "experts.{}.w2.weight";
  return names;
}

}  // namespace ttt
