#pragma once

#include "linear/linear.h"

namespace ttt {

// The default of every block with matrix products: kAccuracy multiplies activations in f32, kReference in
// double precision; kInvariant keeps one kernel for all numbers of rows; the others leave the choice to the weight's
// format (default_activation). Weights stay as stored whatever the strategy.
LinearImplConfig default_linear_config(const DeviceTraits& traits, Strategy strategy);

}  // namespace ttt
