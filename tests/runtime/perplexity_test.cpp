#include "runtime/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

TEST(NegativeLogLikelihood, IsThatOfTheSoftmax) {
  const float logits[] = {1.0f, 2.0f, 0.5f};
  const double sum = std::exp(1.0) + std::exp(2.0) + std::exp(0.5);
  for (std::int32_t id = 0; id < 3; ++id) {
    EXPECT_NEAR(negative_log_likelihood(logits, id), std::log(sum) - static_cast<double>(logits[id]), 1e-14);
  }
  const float large[] = {1000.0f, 1000.0f};
  EXPECT_NEAR(negative_log_likelihood(large, 1), std::log(2.0), 1e-12);
  const float sure[] = {-1e30f, 5.0f};
  EXPECT_EQ(negative_log_likelihood(sure, 1), 0.0);
}

// Every token but the first of a window is predicted, each with the same known probability.
TEST(Perplexity, IsTheDefinitionOnAModelOfKnownProbabilities) {
  constexpr std::int64_t kWords = 40;
  const auto logit = [](std::int64_t id) { return static_cast<float>(id % 5); };
  const support::TemporaryDirectory directory;
  support::write_constant_checkpoint(directory.path(), support::tiny_config(kWords), logit);
  TestModel m(directory.path(), {}, 16);
  Runner runner = m.runner(16, 16);
  const Ids ids = support::random_tokens(kWords, 37);
  double sum = 0;
  for (std::int64_t id = 0; id < kWords; ++id) sum += std::exp(static_cast<double>(logit(id)));
  const auto by_hand = [&](std::int64_t window, bool begins) {
    Perplexity p;
    const std::int64_t own = begins ? window - 1 : window;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(ids.size()); ++i) {
      if (!begins && i % own == 0) continue;
      p.nll += std::log(sum) - static_cast<double>(logit(ids[static_cast<std::size_t>(i)]));
      ++p.tokens;
    }
    return p;
  };
  for (const std::int64_t window : {2, 5, 12, 16}) {
    for (const bool begins : {false, true}) {
      const Perplexity want = by_hand(window, begins), got = perplexity(runner, ids, window, begins ? 1 : -1);
      EXPECT_EQ(got.tokens, want.tokens) << window << begins;
      EXPECT_NEAR(got.value(), want.value(), 1e-4 * want.value()) << window << begins;
    }
  }
  EXPECT_NEAR(by_hand(16, false).value(),
              std::exp(by_hand(16, false).nll / static_cast<double>(by_hand(16, false).tokens)), 1e-12);
  EXPECT_EQ(perplexity(runner, std::span(ids).first(1), 16, -1).tokens, 0);
  EXPECT_EQ(Perplexity{}.value(), 0.0);
}

TEST(Perplexity, ReadsEveryWindowFromScratchInAnyChunks) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), support::golden_config("gqa"), {});
  TestModel m(directory.path(), {}, 24);
  const Ids ids = support::random_tokens(320, 60);
  double nll = 0;
  for (std::size_t begin = 0; begin < ids.size(); begin += 24) {
    const auto window = std::span(ids).subspan(begin, std::min<std::size_t>(24, ids.size() - begin));
    const std::vector<float> logits = m.logits(window, static_cast<std::int64_t>(window.size()), 24);
    for (std::size_t i = 1; i < window.size(); ++i) {
      nll += negative_log_likelihood(std::span(logits).subspan((i - 1) * 320, 320), window[i]);
    }
  }
  for (const std::int64_t chunk : {24, 7, 1}) {
    for (const std::int64_t wanted : {24, 3}) {
      Runner runner = m.runner(chunk, wanted);
      const Perplexity p = perplexity(runner, ids, 24, -1);
      EXPECT_EQ(p.tokens, 57);
      EXPECT_NEAR(p.nll, nll, 1e-4 * nll) << chunk << " " << wanted;
    }
  }
  Runner runner = m.runner(24, 24);
  int calls = 0;
  const Perplexity stopped = perplexity(runner, ids, 24, -1, [&](const Perplexity& p) {
    EXPECT_EQ(p.tokens, 23 * ++calls);
    return calls < 2;
  });
  EXPECT_EQ(stopped.tokens, 46);
  for (const std::int64_t window : {0, 1, 25}) EXPECT_THROW(perplexity(runner, ids, window, -1), Error) << window;
}

}  // namespace
}  // namespace ttt
