#pragma once

#include "linear/linear.h"

namespace ttt {

// What every block with matrix products takes as its default: kAccuracy and kReference multiply activations in f32;
// kInvariant keeps one kernel for all numbers of rows; the others leave the choice to the weight's format.
LinearImplConfig default_linear_config(const DeviceTraits& traits, Strategy strategy);

}  // namespace ttt
