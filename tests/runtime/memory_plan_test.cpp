// The plan from headers alone against what is then allocated.

#include "runtime/memory_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "collectives/threads.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;

class PlansOfMemory : public testing::Test {
 protected:
  void SetUp() override { support::write_random_checkpoint(directory_.path(), support::golden_config("gqa"), {}); }
  std::unique_ptr<const Checkpoint> open() const { return open_checkpoint(directory_.path(), {}); }
  support::TemporaryDirectory directory_;
};

class MemoryPlans : public PlansOfMemory, public testing::WithParamInterface<std::optional<Format>> {};

TEST_P(MemoryPlans, IsWhatIsAllocated) {
  const RunnerConfig config{.sequences = 3, .context = 200, .chunk = 64, .wanted = 5};
  for (std::int64_t ranks = 1; ranks <= 3; ++ranks) {
    ThreadPool threads(2);
    const LoadOptions options{.traits = query_device_traits(), .ranks = ranks, .weight_format = GetParam()};
    const MemoryPlan plan = plan_memory(*open(), families(), options, config, threads);
    ASSERT_EQ(plan.ranks.size(), static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel model(directory_.path(), {.weight_format = GetParam()}, config.context, 2, communicator);
      const Runner runner = model.runner(config.chunk, config.wanted, config.sequences);
      const RankMemory& planned = plan.ranks[static_cast<std::size_t>(rank)];
      EXPECT_EQ(planned.weights.mapped, model.loaded().weights->bytes().mapped);
      EXPECT_EQ(planned.weights.owned, model.loaded().weights->bytes().owned);
      EXPECT_EQ(planned.runner.state, runner.state_bytes());
      EXPECT_EQ(planned.runner.scratch, runner.scratch_bytes());
      EXPECT_EQ(planned.runner.logits, config.wanted * runner.vocab() * 4);
    });
  }
}

TEST_P(MemoryPlans, BlocksAddUp) {
  ThreadPool threads(1);
  const LoadOptions options{.traits = query_device_traits(), .weight_format = GetParam()};
  const MemoryPlan plan = plan_memory(*open(), families(), options, {.context = 512, .chunk = 32}, threads);
  WeightBytes weights;
  std::int64_t state = 0, scratch = 0;
  for (const BlockMemory& b : plan.ranks[0].blocks) {
    weights.mapped += b.mapped;
    weights.owned += b.owned;
    state += b.state;
    scratch = std::max(scratch, b.scratch);
  }
  EXPECT_EQ(weights.mapped, plan.ranks[0].weights.mapped);
  EXPECT_EQ(weights.owned, plan.ranks[0].weights.owned);
  EXPECT_NEAR(static_cast<double>(state), static_cast<double>(plan.ranks[0].runner.state),
              0.01 * static_cast<double>(plan.ranks[0].runner.state));
  EXPECT_EQ(scratch, plan.ranks[0].runner.scratch);
}

INSTANTIATE_TEST_SUITE_P(Formats, MemoryPlans,
                         testing::Values(std::optional<Format>{}, Format::kBF16, Format::kInt8, Format::kBfp4B),
                         [](const auto& f) { return f.param ? std::string(name_of(*f.param)) : "as_stored"; });

TEST_F(PlansOfMemory, LongestContextIsTheLast) {
  ThreadPool threads(1);
  const LoadOptions options{.traits = query_device_traits()};
  const RunnerConfig config{.sequences = 2, .chunk = 16};
  const auto total = [&](std::int64_t context) {
    RunnerConfig c = config;
    c.context = context;
    return plan_memory(*open(), families(), options, c, threads).total();
  };
  const auto longest = [&](std::int64_t available) {
    return longest_context(*open(), families(), options, config, threads, 4000, available);
  };
  const std::int64_t some = longest(total(1000));
  EXPECT_GE(some, 1000);
  EXPECT_LE(total(some), total(1000));
  EXPECT_GT(total(some + 1), total(1000));
  EXPECT_EQ(longest(std::int64_t{1} << 40), 4000);
  EXPECT_EQ(longest(1000), 0);
}

TEST_F(PlansOfMemory, RefusesWhatLoadingRefuses) {
  ThreadPool threads(1);
  const LoadOptions options{.traits = query_device_traits(), .ranks = 1000};
  EXPECT_THROW(plan_memory(*open(), families(), options, {.context = 16}, threads), Error);
}

}  // namespace
}  // namespace ttt
