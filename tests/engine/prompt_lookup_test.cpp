#include "runtime/engine/prompt_lookup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/engine_world.h"

namespace ttt::engine_tests {
namespace {

TEST(PromptLookup, FindsWhatFollowedTheLatestPlace) {
  PromptLookup lookup;
  Ids ids{1, 2, 3, 4, 5, 1, 2, 3, 7, 8, 1, 2, 3};
  const auto guess = [&](std::int64_t most) {
    const auto g = lookup.guess(ids, most);
    return Ids(g.begin(), g.end());
  };
  EXPECT_EQ(guess(3), (Ids{7, 8, 1})) << "the same three tokens, the last time";
  EXPECT_EQ(guess(100), (Ids{7, 8, 1, 2, 3}));
  ids.push_back(4);  // 2, 3, 4 stood at the beginning
  EXPECT_EQ(guess(2), (Ids{5, 1}));
  ids.push_back(9);
  EXPECT_EQ(guess(2), Ids());
  EXPECT_EQ(PromptLookup().guess(Ids{1}, 4).size(), 0u);
  // Longer places come first.
  ids = {1, 2, 3, 4, 50, 9, 3, 4, 60, 1, 2, 3, 4};
  lookup = {};
  EXPECT_EQ(guess(1), (Ids{50}));
}

TEST(StepCost, TellsWhenAGuessPays) {
  StepCost cost;
  EXPECT_LT(cost.break_even(1), 0.1) << "unknown: one more row costs little";
  for (int i = 0; i < 50; ++i) cost.add(1 + i % 8, 0.010 + 0.001 * (1 + i % 8));
  EXPECT_NEAR(cost.break_even(1), 1.0 / 11, 1e-6);
  EXPECT_NEAR(cost.break_even(10), 0.5, 1e-6);
  StepCost linear;
  for (int i = 0; i < 50; ++i) linear.add(1 + i % 8, 0.001 * (1 + i % 8));
  EXPECT_GT(linear.break_even(1), 0.99) << "rows are all that costs";
  StepCost flat;
  for (int i = 0; i < 50; ++i) flat.add(1 + i % 8, 0.001);
  EXPECT_NEAR(flat.break_even(1), 0, 1e-6);
}

TEST(GuessLength, FollowsHowGuessesFare) {
  GuessLength length;
  for (int i = 0; i < 20; ++i) {
    const std::int64_t n = length.next(16, 0.1);
    length.add(n, n);
  }
  EXPECT_EQ(length.next(16, 0.1), 16);
  int tried = 0;
  for (int i = 0; i < 400; ++i) {
    const std::int64_t n = length.next(16, 0.2);
    length.add(n, 0);
    tried += n > 0;
  }
  EXPECT_LT(tried, 40) << "what is always wrong is tried seldom";
  EXPECT_GT(tried, 10) << "but now and then";
}

// The same tokens and log-probabilities as without guesses, greedy and sampled, in models of every kind of state.
class Speculation : public testing::TestWithParam<std::string> {};

TEST_P(Speculation, ChangesNoResult) {
  const std::int64_t context = 160;
  World world(std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/families" / GetParam(),
              {.strategy = Strategy::kInvariant}, context);
  Draws draws(11);
  std::vector<EngineRequest> requests;
  std::vector<std::vector<Generated>> alone;
  for (int i = 0; i < 8; ++i) {
    EngineRequest r = some_request(draws, world.vocab(), 30, 100);
    // Few tokens are likely, so that text repeats itself and guesses are often right, and often not.
    for (std::int32_t id = 0; id < 4; ++id) r.sampling.logit_bias.push_back({.id = 10 + id, .bias = 12});
    r.sampling.repetition_penalty = 1;
    r.end_ids.clear();
    requests.push_back(r);
    alone.push_back(world.alone(r));
  }
  const auto engine = world.engine({.sequences = 6, .step_rows = 64, .page_rows = 8, .speculate = 5});
  std::vector<EngineStream> streams;
  for (const EngineRequest& r : requests) streams.push_back(engine->submit(r));
  for (std::size_t i = 0; i < streams.size(); ++i) {
    expect_same(alone[i], collect(streams[i], requests[i].n), text("request ", i));
  }
  engine->drain();
  const EngineStats stats = engine->stats();
  EXPECT_GT(stats.guessed_right, 20);
  EXPECT_GT(stats.guessed - stats.guessed_right, 20);
  EXPECT_EQ(stats.used_pages, stats.cached_pages);
}

INSTANTIATE_TEST_SUITE_P(States, Speculation,
                         testing::Values("llama/bias_two_heads", "gemma/gemma3", "mistral/window", "llama4/scout",
                                         "deepseek/v2_lite"),
                         [](const auto& c) {
                           std::string name = c.param;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace ttt::engine_tests
