#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "base/traits.h"
#include "support/levels.h"

namespace ttt::support {

std::string& emulated_names() {
  static std::string names;
  return names;
}

}  // namespace ttt::support

namespace {

// Names of the levels of instructions that this machine has, or lacks.
std::string levels(bool present) {
  const ttt::CpuFeatures features = ttt::query_device_traits().features;
  std::string names;
  for (int i = 0; i < ttt::kIsaLevels; ++i) {
    const auto level = static_cast<ttt::IsaLevel>(i);
    if (features.contains(ttt::features_of(level)) == present) names += " " + std::string(ttt::name_of(level));
  }
  return names;
}

// Tests of kernels take every level that the machine has. The last line says which those were, and the report for
// run.py says which were not.
class Levels final : public testing::Environment, public testing::EmptyTestEventListener {
 public:
  void TearDown() override { testing::Test::RecordProperty("levels_not_run", levels(false)); }
  void OnTestProgramEnd(const testing::UnitTest&) override {
    const std::string absent = levels(false);
    const std::string& emulated = ttt::support::emulated_names();
    std::printf("kernels ran at:%s; levels that this machine cannot run:%s%s%s\n", levels(true).c_str(),
                absent.empty() ? " none" : absent.c_str(), emulated.empty() ? "" : "; emulated:", emulated.c_str());
    std::fflush(stdout);
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::AddGlobalTestEnvironment(new Levels);  // owned by the framework, as is the next
  testing::UnitTest::GetInstance()->listeners().Append(new Levels);
  return RUN_ALL_TESTS();
}
