#pragma once

#include <span>

#include "runtime/model.h"

namespace ttt {

// Every family in this folder.
std::span<const Family> families();

}  // namespace ttt
