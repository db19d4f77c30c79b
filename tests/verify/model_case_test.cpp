// Blocks of a loaded model as cases of a TestSuite.

#include "runtime/verify/model_case.h"

#include <gtest/gtest.h>

#include "models/families.h"
#include "support/model.h"
#include "support/tiny_model.h"
#include "testing/test_suite.h"

namespace ttt {
namespace {

class ModelCase : public ::testing::Test {
 protected:
  void SetUp() override { support::write_random_checkpoint(path(), support::golden_config("gqa")); }
  std::filesystem::path path() const { return directory_.path() / "model"; }

  support::TemporaryDirectory directory_;
  const LoadOptions load_{.context = 16};
};

TEST_F(ModelCase, BlocksOfAModelAgreeWithTheReferenceStrategy) {
  const LoadedModel model = load_model(open_checkpoint(path(), {}), families(), load_);
  testing::TestSuite suite("gqa");
  const std::int64_t hidden = 64;
  for (const char* block : {"model.layers.0.self_attn", "model.layers.1.mlp", "model.norm"}) {
    suite.add(block_case(model, families(), load_, block))
        .input(testing::normal(12, hidden, 7))
        .against(Strategy::kReference)
        .expect_pcc(0.999);
  }
  const testing::SuiteReport report = suite.run();
  EXPECT_TRUE(report.passed()) << report.table();
}

TEST_F(ModelCase, WhatIsNotThereIsNamed) {
  const LoadedModel model = load_model(open_checkpoint(path(), {}), families(), load_);
  const auto error = [&](const char* block, std::span<const BlockKind> kinds) {
    try {
      block_case(model, families(), load_, block, kinds);
    } catch (const Error& e) {
      return std::pair(e.kind(), std::string(e.what()));
    }
    return std::pair(ErrorKind::kInternal, std::string());
  };
  const auto missing = error("model.layers.2.mlp", block_kinds());
  EXPECT_EQ(missing.first, ErrorKind::kUsage);
  EXPECT_NE(missing.second.find("has no block model.layers.2.mlp"), std::string::npos) << missing.second;
  const auto unknown = error("model.norm", {});
  EXPECT_EQ(unknown.first, ErrorKind::kUnsupported);
  EXPECT_NE(unknown.second.find("RMSNorm"), std::string::npos) << unknown.second;
}

}  // namespace
}  // namespace ttt
