// An engine on several ranks of one process: rank 0 takes the requests, and all step alike.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "collectives/threads.h"
#include "engine/engine_world.h"

namespace ttt::engine_tests {
namespace {

constexpr std::int64_t kRanksContext = 128;

class EngineRanks : public testing::TestWithParam<std::string> {};

TEST_P(EngineRanks, StepAlike) {
  const std::filesystem::path directory = std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/families" / GetParam();
  const LoadOptions load{.strategy = Strategy::kInvariant};
  std::vector<EngineRequest> requests;
  std::vector<std::vector<Generated>> alone;
  {
    World world(directory, load, kRanksContext, 1);
    Draws draws(5);
    for (int i = 0; i < 10; ++i) {
      requests.push_back(some_request(draws, world.vocab(), 60, 40));
      alone.push_back(world.alone(requests.back()));
    }
  }
  const Tokenizer tokenizer = byte_tokenizer();
  run_ranks(2, [&](std::int64_t rank, Communicator& communicator) {
    support::TestModel model(directory, load, kRanksContext, 1, communicator);
    const std::int64_t bytes =
        StatePool::bytes(model.loaded().tree().states,
                         {.sequences = 4, .context = kRanksContext, .page_rows = 8, .chunk = 24, .pages = 24});
    Engine engine(model.loaded(), tokenizer, model.threads(), communicator,
                  {.sequences = 4, .step_rows = 24, .page_rows = 8, .state_bytes = bytes, .speculate = 3});
    if (rank == 0) {
      std::vector<EngineStream> streams;
      for (const EngineRequest& r : requests) streams.push_back(engine.submit(r));
      for (std::size_t i = 0; i < streams.size(); ++i) {
        expect_same(alone[i], collect(streams[i], requests[i].n), text("request ", i));
      }
      engine.drain();
      const EngineStats stats = engine.stats();
      EXPECT_EQ(stats.used_pages, stats.cached_pages);
      EXPECT_EQ(std::accumulate(stats.step_times.counts.begin(), stats.step_times.counts.end(), std::int64_t{0}),
                stats.steps);
      ASSERT_EQ(stats.exchange_seconds.size(), 2u);
      for (const double seconds : stats.exchange_seconds) {
        EXPECT_GT(seconds, 0);
        EXPECT_LT(seconds, stats.step_times.seconds);
      }
    } else {
      EXPECT_THROW(engine.submit(requests[0]), Error);
      engine.drain();
    }
  });
}

INSTANTIATE_TEST_SUITE_P(States, EngineRanks, testing::Values("llama/bias_two_heads", "gemma/gemma3", "llama4/scout"),
                         [](const auto& c) {
                           std::string name = c.param;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

// When a rank is lost, requests end with that error instead of waiting for ever.
TEST(EngineOfLostRank, EndsWithItsError) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), support::golden_config("gqa"), {});
  const Tokenizer tokenizer = byte_tokenizer();
  ThreadsGroup group(2, std::chrono::milliseconds(5000));
  std::thread other([&] {
    support::TestModel model(directory.path(), {}, kRanksContext, 1, group.rank(1));
    {
      Engine engine(model.loaded(), tokenizer, model.threads(), group.rank(1), {.sequences = 2});
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      group.fail(Error(ErrorKind::kPeerLost, "rank 1 has left"));
    }
  });
  {
    support::TestModel model(directory.path(), {}, kRanksContext, 1, group.rank(0));
    Engine engine(model.loaded(), tokenizer, model.threads(), group.rank(0), {.sequences = 2});
    Outcome o;
    try {
      for (;;) {
        EngineStream stream = engine.submit({.prompt = {1, 2, 3}, .max_new_tokens = 100});
        o = collect(stream).front();
        if (o.error) break;
      }
      EXPECT_EQ(o.error->kind(), ErrorKind::kPeerLost);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kPeerLost);
    }
    try {
      engine.drain();
      ADD_FAILURE() << "an engine that failed says so";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kPeerLost);
    }
  }
  other.join();
}

}  // namespace
}  // namespace ttt::engine_tests
