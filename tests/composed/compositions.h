#pragma once

#include <span>

#include "runtime/model.h"

// Architectures composed from the blocks for tests: what a model's author would write, one file each. They read the
// configurations that transformers saves and use its names of tensors.
namespace ttt::composed {

std::span<const Family> families();

}  // namespace ttt::composed
