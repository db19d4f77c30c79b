#pragma once

#include "runtime/model.h"

// A family of models outside the library's tree, with the same rights as those in it. Its layers have an operation of
// their own between the library's blocks.
ttt::Family tiny_family();
