#pragma once

#include <string>

namespace ttt::app {

// Version, compiler, instruction set and communicators, each on a line of its own.
std::string version_text();
std::string version_number();  // "0.1.0"

}  // namespace ttt::app
