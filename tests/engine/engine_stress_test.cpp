// Random requests from several threads, with forks, cancellations, guesses and too few pages: results are those of
// generate, and in the end no page is lost.

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "engine/engine_world.h"

namespace ttt::engine_tests {
namespace {

constexpr std::int64_t kStressContext = 144;
constexpr int kRequests = 16, kClients = 4, kRounds = 25;

struct StressCase {
  std::string name;
  std::optional<Format> state;
};

class EngineStress : public testing::TestWithParam<StressCase> {};

TEST_P(EngineStress, NothingIsLostOrChanged) {
  const auto& [name, state] = GetParam();
  World world(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/families" / name,
              {.strategy = Strategy::kInvariant, .state_format = state}, kStressContext);
  Draws draws(23);
  std::vector<EngineRequest> requests;
  std::vector<std::vector<Generated>> alone;
  for (int i = 0; i < kRequests; ++i) {
    requests.push_back(some_request(draws, world.vocab(), i % 4 == 0 ? 120 : 30, i % 4 == 1 ? 100 : 20));
    requests.back().priority = draws.below(3) - 1;
    alone.push_back(world.alone(requests.back()));
  }
  EngineOptions options{
      .sequences = 5, .step_rows = 32, .prompt_rows = 9, .page_rows = 4, .waiting = 6, .speculate = 4};
  options.state_bytes = StatePool::bytes(
      world.model().loaded().tree().states,
      {.sequences = 5, .context = kStressContext, .page_rows = 4, .chunk = 32, .pages = 2 * kStressContext / 4 + 6});
  const auto engine = world.engine(options);
  std::atomic<int> finished = 0;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      Draws own(static_cast<std::uint64_t>(100 + c));
      for (int round = 0; round < kRounds; ++round) {
        const auto i = static_cast<std::size_t>(own.below(kRequests));
        EngineStream stream;
        try {
          stream = engine->submit(requests[i]);
        } catch (const Error& e) {
          EXPECT_EQ(e.kind(), ErrorKind::kResources) << e.what();
          continue;
        }
        const std::int64_t fate = own.below(5);
        for (std::int64_t taken = own.below(6); fate < 2 && taken > 0; --taken) stream.next();
        if (fate == 0) continue;  // dropped
        if (fate == 1) {
          stream.cancel();
          for (; stream.next();) {
          }
          EXPECT_TRUE(stream.done());
          continue;
        }
        expect_same(alone[i], collect(stream, requests[i].n), text("client ", c, ", request ", i));
        ++finished;
      }
    });
  }
  for (std::thread& c : clients) c.join();
  engine->drain();
  const EngineStats stats = engine->stats();
  EXPECT_GT(finished, kClients * kRounds / 4);
  EXPECT_EQ(stats.running + stats.waiting, 0);
  EXPECT_EQ(stats.used_pages, stats.cached_pages);
  EXPECT_GT(stats.prefix_hits, 0);
}

INSTANTIATE_TEST_SUITE_P(States, EngineStress,
                         testing::Values(StressCase{"llama/bias_two_heads", {}},
                                         StressCase{"gemma/gemma3", Format::kInt8},
                                         StressCase{"deepseek/v2_lite", Format::kBF16}),
                         [](const auto& c) {
                           std::string name = c.param.name;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace ttt::engine_tests
