// A plan takes neither memory nor time in proportion to the context, and counts windows as a pool holds them.

#include <gtest/gtest.h>

#include <algorithm>

#include "collectives/self.h"
#include "runtime/memory_plan.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;

constexpr std::int64_t kHuge = std::int64_t{1} << 40;  // a table of its pages alone would take gigabytes

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden" / name;
}

class PlansOfContexts : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    Json config = Json::parse(support::read_file(golden(GetParam()) / "config.json"), "config.json");
    config.set("max_position_embeddings", 1e30);
    support::write_file(directory_.path() / "config.json", config.dump());
    if (std::filesystem::exists(golden(GetParam()) / "model.safetensors")) {
      std::filesystem::copy_file(golden(GetParam()) / "model.safetensors", directory_.path() / "model.safetensors");
    } else {
      support::write_random_checkpoint(directory_.path(), config, {});
    }
  }
  std::unique_ptr<const Checkpoint> open() const { return open_checkpoint(directory_.path(), {}); }
  MemoryPlan plan(std::int64_t context) const {
    return plan_memory(*open(), families(), options_, {.sequences = 2, .context = context, .chunk = 64}, *threads_);
  }

  support::TemporaryDirectory directory_;
  std::unique_ptr<ThreadPool> threads_ = std::make_unique<ThreadPool>(1);
  LoadOptions options_{.traits = query_device_traits()};
};

TEST_P(PlansOfContexts, CostNothingInProportion) {
  const MemoryPlan short_plan = plan(4096), long_plan = plan(kHuge);
  EXPECT_GE(long_plan.ranks[0].runner.scratch, short_plan.ranks[0].runner.scratch);
  EXPECT_GE(long_plan.ranks[0].runner.state, short_plan.ranks[0].runner.state);
  const std::int64_t available = short_plan.total() + 1000;
  const std::int64_t longest =
      longest_context(*open(), families(), options_, {.sequences = 2, .chunk = 64}, *threads_, kHuge, available);
  EXPECT_GE(longest, 4096);
  EXPECT_LE(plan(longest).total(), available);
  if (longest < kHuge) {
    EXPECT_GT(plan(longest + 1).total(), available);
  }
}

TEST_P(PlansOfContexts, AreWhatARunnerTakes) {
  const MemoryPlan planned = plan(4096);
  TestModel model(directory_.path(), options_, 4096, 1);
  const Runner runner = model.runner(64, 1, 2);
  EXPECT_EQ(planned.ranks[0].runner.state, runner.state_bytes());
  EXPECT_EQ(planned.ranks[0].runner.scratch, runner.scratch_bytes());
}

// Loading refuses what does not fit and names what does: what a plan says of the same run.
TEST_P(PlansOfContexts, AreWhatLoadingAsksFor) {
  const RunnerConfig run{.sequences = 2, .chunk = 64};
  LoadOptions options = options_;
  options.run = run;
  options.context = 100'000;
  options.threads = threads_.get();
  const MemoryPlan made = plan(options.context);
  const std::int64_t needed = made.total() - made.ranks[0].weights.mapped;
  options.traits.available_bytes = needed;
  EXPECT_NO_THROW(load_model(open(), families(), options));
  options.traits.available_bytes = needed - 1;
  try {
    load_model(open(), families(), options);
    ADD_FAILURE() << "was loaded";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kResources);
    const std::string message = e.what(), lead = "; --ctx ";
    const std::size_t at = message.find(lead);
    ASSERT_NE(at, std::string::npos) << message;
    options.context = std::stoll(message.substr(at + lead.size()));
    EXPECT_LT(options.context, 100'000);
    EXPECT_NO_THROW(load_model(open(), families(), options));
    ++options.context;
    EXPECT_THROW(load_model(open(), families(), options), Error);
  }
}

INSTANTIATE_TEST_SUITE_P(Windows, PlansOfContexts,
                         testing::Values("llama/gqa", "composed/gemma3_text", "composed/qwen3_moe_window"),
                         [](const auto& name) {
                           std::string s = name.param;
                           std::ranges::replace(s, '/', '_');
                           return s;
                         });

}  // namespace
}  // namespace ttt
