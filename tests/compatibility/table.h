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

// The part of docs/compatibility.md that is about blocks.
std::string page(const Results& results);

inline constexpr const char* kPage = TTT_SOURCE_DIR "/docs/compatibility.md";
// That part of the page as it is; what follows is of tests/families.
std::string page_before_families();

}  // namespace ttt::compatibility
