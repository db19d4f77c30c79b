#pragma once

#include <string>
#include <vector>

#include "compatibility/run.h"

namespace ttt::compatibility {

// Everything that docs/compatibility.md is made of.
struct Results {
  std::vector<OptionReport> options = {};     // of every block, in a few formats
  std::vector<OptionReport> formats = {};     // of every block's plain option, in all formats
  std::vector<std::string> failures() const;  // a line for each combination that neither works nor is refused
};

// Runs all. `folder` is for files that may be deleted afterwards.
Results run_everything(const std::filesystem::path& folder);

// docs/compatibility.md
std::string page(const Results& results);

}  // namespace ttt::compatibility
