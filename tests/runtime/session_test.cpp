#include "runtime/session.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "collectives/threads.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

class SessionTest : public testing::Test {
 protected:
  void SetUp() override { support::write_random_checkpoint(path(), support::golden_config("gqa")); }
  std::filesystem::path path() const { return directory_.path() / "model"; }

  support::TemporaryDirectory directory_;
  const std::vector<std::int32_t> ids_{3, 1, 4, 1, 5};
};

std::vector<float> logits_of(Session& session, std::span<const std::int32_t> ids) {
  Sequence sequence = session.runner().create();
  const std::span<const float> y = session.runner().extend(sequence, ids);
  return {y.begin(), y.end()};
}

TEST_F(SessionTest, LogitsAreThoseOfTheParts) {
  const DeviceTraits traits = query_device_traits();
  const LoadedModel model = load_model(open_checkpoint(path(), {}), families(), {.traits = traits, .context = 16});
  ThreadPool threads(1);
  NoObserver observer;
  Runner runner(model.built, threads, self_communicator(), observer, {.context = 16});
  Sequence sequence = runner.create();
  const std::span<const float> y = runner.extend(sequence, ids_);

  Session session(path(), families());
  EXPECT_EQ(logits_of(session, ids_), std::vector<float>(y.begin(), y.end()));
}

TEST_F(SessionTest, TakesWhatTheMachineHas) {
  const DeviceTraits traits = query_device_traits();
  Session session(path(), families());
  EXPECT_EQ(session.threads().size(), traits.cores);
  EXPECT_EQ(SessionOptions{}.load.traits.features, traits.features);
  EXPECT_EQ(LoadOptions{}.traits.cores, traits.cores);
}

TEST_F(SessionTest, ContextIsTheConfigurationsOrTheDefault) {
  Json config = support::golden_config("gqa");
  for (const auto& [positions, context] : {std::pair<std::int64_t, std::int64_t>{100, 100}, {100'000, 4096}}) {
    config.set("max_position_embeddings", Json(positions));
    support::write_file(path() / "config.json", config.dump());
    EXPECT_EQ(Session(path(), families()).runner().config().context, context);
    EXPECT_EQ(Session(path(), families(), {.load = {.context = 50}}).runner().config().context, 50);
  }
}

TEST_F(SessionTest, RunsOnRanks) {
  Session alone(path(), families());
  const std::vector<float> wanted = logits_of(alone, ids_);
  const double range = *std::ranges::max_element(wanted) - *std::ranges::min_element(wanted);
  run_ranks(2, [&](std::int64_t, Communicator& ranks) {
    Session session(path(), families(), {.threads = 1}, ranks);
    const std::vector<float> got = logits_of(session, ids_);
    ASSERT_EQ(got.size(), wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], wanted[i], 1e-5 * range);
  });
}

TEST_F(SessionTest, RefusesWithTheErrorsOfItsParts) {
  const auto message = [](const auto& make) -> std::string {
    try {
      make();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_NE(message([&] { Session(path(), families(), {.threads = -1}); }).find("wanted 0 or more threads, got -1"),
            std::string::npos);
  EXPECT_NE(message([&] { Session(path() / "none", families()); }).find("none"), std::string::npos);
  Session session(path(), families());
  EXPECT_NE(message([&] { session.tokenizer(); }).find("tokenizer"), std::string::npos);
}

}  // namespace
}  // namespace ttt
