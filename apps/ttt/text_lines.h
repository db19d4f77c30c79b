#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/ttt/standard_files.h"

namespace ttt::app {

// The lines of standard input, without their ends.
inline std::vector<std::string> stdin_lines() {
  std::vector<std::string> lines;
  std::string line;
  while (read_stdin_line(line)) lines.push_back(line);
  return lines;
}

}  // namespace ttt::app
