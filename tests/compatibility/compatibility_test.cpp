#include <gtest/gtest.h>

#include <limits>

#include "checkpoint/test_files.h"
#include "compatibility/table.h"
#include "normalization/rmsnorm.h"
#include "support/random_checkpoint.h"

namespace ttt::compatibility {
namespace {

// Every combination works or is refused, and the page says which.
TEST(Compatibility, ThePageIsWhatRuns) {
  const testing::TempDir folder;
  const Results results = run_everything(folder.path());
  for (const std::string& line : results.failures()) ADD_FAILURE() << line;
  EXPECT_EQ(page_before_families(), page(results))
      << "docs/compatibility.md is out of date: run test_compatibility --write";
}

// The rest: that a block which is wrong does not pass.
Option norm_that(std::string name, std::function<void(const RMSNorm&, const Call&)> forward) {
  return {.block = "RMSNorm", .name = std::move(name), .build = [forward = std::move(forward)](const Scope& s) {
            auto norm = std::make_shared<const RMSNorm>(make<RMSNorm>(s / kPath, {.dim = 64}));
            return Instance{
                .forward = [norm, forward](const Call& c) { forward(*norm, c); }, .x_width = 64, .y_width = 64};
          }};
}

std::vector<std::string> failures_of(const Option& option) {
  const testing::TempDir folder;
  const Option plain = norm_that("plain", [](const RMSNorm& n, const Call& c) { n.forward(c.exec, c.x, c.y); });
  Laboratory laboratory(folder.path());
  const Results results{.options = {laboratory.run(option, plain, few_formats().first(1))}};
  return results.failures();
}

constexpr std::size_t kAll = kStrategies.size() * kMaxRanks;

TEST(Compatibility, NoticesNaN) {
  Option o = norm_that("NaN", [](const RMSNorm& n, const Call& c) {
    n.forward(c.exec, c.x, c.y);
    *c.y.row<float>(c.y.rows() - 1) = std::numeric_limits<float>::quiet_NaN();
  });
  o.same_answer = true;
  const auto lines = failures_of(o);
  ASSERT_EQ(lines.size(), kAll);
  EXPECT_NE(lines[0].find("differs from the reference by"), std::string::npos) << lines[0];
}

TEST(Compatibility, NoticesASmallError) {
  Option o = norm_that("a little more", [](const RMSNorm& n, const Call& c) {
    n.forward(c.exec, c.x, c.y);
    *c.y.row<float>(0) += 1e-4f;
  });
  o.same_answer = true;
  EXPECT_EQ(failures_of(o).size(), kAll);
}

TEST(Compatibility, NoticesAnIgnoredOption) {
  const auto lines =
      failures_of(norm_that("ignored", [](const RMSNorm& n, const Call& c) { n.forward(c.exec, c.x, c.y); }));
  ASSERT_EQ(lines.size(), kAll);
  EXPECT_NE(lines[0].find("the option changes nothing"), std::string::npos) << lines[0];
}

TEST(Compatibility, NoticesRanksThatDiffer) {
  Option o = norm_that("by rank", [](const RMSNorm& n, const Call& c) {
    n.forward(c.exec, c.x, c.y);
    *c.y.row<float>(0) += static_cast<float>(c.exec.communicator.rank());
  });
  o.same_answer = true;
  const auto lines = failures_of(o);
  ASSERT_EQ(lines.size(), kStrategies.size() * (kMaxRanks - 1));
  EXPECT_NE(lines[0].find("ranks have different results"), std::string::npos) << lines[0];
}

TEST(Compatibility, NoticesARefusalThatComesTooLate) {
  Option o = norm_that("late", [](const RMSNorm&, const Call&) { fail(ErrorKind::kUnsupported, "not this"); });
  o.same_answer = true;
  const auto lines = failures_of(o);
  ASSERT_EQ(lines.size(), kAll);
  EXPECT_NE(lines[0].find("was built, but did not run: not this"), std::string::npos) << lines[0];
}

TEST(Compatibility, NoticesARefusalOfAnotherKind) {
  Option o{.block = "RMSNorm", .name = "bad", .build = [](const Scope&) -> Instance {
             fail(ErrorKind::kInternal, "a defect");
           }};
  o.same_answer = true;
  EXPECT_EQ(failures_of(o).size(), kAll);
}

TEST(Compatibility, NotesARefusal) {
  Option o{.block = "RMSNorm", .name = "no", .build = [](const Scope&) -> Instance {
             fail(ErrorKind::kUnsupported, "[block] not this");
           }};
  o.same_answer = true;
  const testing::TempDir folder;
  const Option plain = norm_that("plain", [](const RMSNorm& n, const Call& c) { n.forward(c.exec, c.x, c.y); });
  Laboratory laboratory(folder.path());
  const Results results{.options = {laboratory.run(o, plain, few_formats().first(1))}};
  EXPECT_TRUE(results.failures().empty());
  const std::string text = page(results);
  EXPECT_NE(text.find("| no | none | none | none | none | none | none | [1] |"), std::string::npos) << text;
  EXPECT_NE(text.find("RMSNorm, no, 1-4 ranks: `[block] not this`"), std::string::npos) << text;
}

}  // namespace
}  // namespace ttt::compatibility
