#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/format.h"

// Every checkpoint of tests/golden/families with every format of weights and of state, on 1, 2 and 4 ranks, with
// contiguous and paged state; and the section of docs/compatibility.md that says what came out.
namespace ttt::family_tests {

inline constexpr std::array kRanks{1, 2, 4};
inline constexpr std::array kWeights{Format::kF32, Format::kInt8, Format::kBfp8B};
inline constexpr std::array kStates{Format::kF32, Format::kBF16, Format::kInt8};
inline constexpr std::array kPageRows{0, 4};  // 0: contiguous

// Of one combination: nothing, or why it was refused when the model was built, or what is wrong.
struct Outcome {
  Format weights = Format::kF32, state = Format::kF32;
  std::int64_t ranks = 1, page_rows = 0;
  std::string refused = {}, failed = {};
};

struct CaseReport {
  std::string name = {};
  std::vector<Outcome> outcomes = {};
};

// Runs it, or returns what a call before it in this process found.
const CaseReport& run_grid(const std::string& case_name);

inline constexpr std::string_view kSectionTitle = "## Families of models";
std::string section(const std::vector<CaseReport>& reports);

}  // namespace ttt::family_tests
