#pragma once

#include <string>

namespace ttt::support {

// Names of the levels whose kernels a test program runs by emulation, each after a space; for its last line.
std::string& emulated_names();

}  // namespace ttt::support
