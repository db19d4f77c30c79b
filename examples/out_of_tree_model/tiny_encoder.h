#pragma once

#include "runtime/model.h"

// A family of encoders outside the library's tree: every row sees the rows within a distance on both sides, norms come
// after the sums. The output is the states of all rows or, where a checkpoint has a classifier, the classes of a text.
ttt::Family tiny_encoder_family();
