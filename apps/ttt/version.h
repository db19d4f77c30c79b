#pragma once

#include <string>

namespace ttt::app {

// Version, compiler, instruction set and communicators, each on a line of its own.
std::string version_text();

}  // namespace ttt::app
