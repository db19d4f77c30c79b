#include "families/grid.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "families/family_case.h"
#include "support/npy.h"
#include "support/random_checkpoint.h"

namespace ttt::family_tests {
namespace {

const std::string kPage = TTT_SOURCE_DIR "/docs/compatibility.md";

class Grid : public testing::TestWithParam<std::string> {};

TEST_P(Grid, EveryCombinationWorksOrIsRefused) {
  std::int64_t refused = 0;
  const CaseReport& report = run_grid(GetParam());
  for (const Outcome& o : report.outcomes) {
    EXPECT_EQ(o.failed, "") << "weights " << name_of(o.weights) << ", state " << name_of(o.state) << ", " << o.ranks
                            << " ranks, pages of " << o.page_rows;
    refused += o.refused.empty() ? 0 : 1;
  }
  EXPECT_EQ(report.outcomes.size(), kWeights.size() * kStates.size() * kRanks.size() * kPageRows.size());
  // What is refused everywhere proves nothing.
  EXPECT_LT(refused, static_cast<std::int64_t>(report.outcomes.size()) / 2);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Grid, testing::ValuesIn(case_names()), test_name);

TEST(GridPage, IsWhatRuns) {
  std::vector<CaseReport> reports;
  for (const std::string& name : case_names()) reports.push_back(run_grid(name));
  const std::string wanted = section(reports), page = support::read_text(kPage);
  // The section begins with the empty line before its title.
  const std::size_t begin = std::min(page.find(text("\n", kSectionTitle, "\n")), page.size());
  if (const char* write = std::getenv("TTT_WRITE_COMPATIBILITY"); write != nullptr && *write == '1') {
    support::write_file(kPage, page.substr(0, begin) + wanted);
    return;
  }
  EXPECT_EQ(page.substr(begin), wanted)
      << "docs/compatibility.md is out of date: run test_families with TTT_WRITE_COMPATIBILITY=1";
}

}  // namespace
}  // namespace ttt::family_tests
