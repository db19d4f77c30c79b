// What the strategies promise, on whole random models: each differs from plain double-precision arithmetic by no more
// than the formats that it chooses.

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "models/families.h"
#include "support/digest.h"
#include "support/model.h"
#include "support/tiny_model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;
using support::TestModel;

constexpr std::int64_t kTokens = 90;
const std::string kShapes[] = {"gqa", "odd", "bias", "head_dim"};

std::vector<std::int32_t> ids_of(const Json& config, std::int64_t count) {
  return support::random_tokens(config.at("vocab_size", "config").as_integer("vocab_size"), count);
}

class Strategies : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    config_ = support::golden_config(GetParam());
    support::write_random_checkpoint(directory_.path(), config_, {});
  }
  std::vector<float> logits(const LoadOptions& options, std::int64_t prefill = 70) {
    TestModel model(directory_.path(), options, kTokens);
    return model.logits(ids_of(config_, kTokens), prefill, 33, 16);
  }

  Json config_;
  support::TemporaryDirectory directory_;
};

// f32 weights and state: all that differs is rounding.
TEST_P(Strategies, ReferenceIsWithinRoundingOfTheDefault) {
  const std::vector<float> exact = logits({.strategy = Strategy::kReference});
  for (const Strategy s : {Strategy::kDefault, Strategy::kAccuracy, Strategy::kInvariant}) {
    EXPECT_LT(max_relative_error(exact, logits({.strategy = s})), 1e-5) << name_of(s);
  }
}

TEST_P(Strategies, ReferenceEqualsHuggingFace) {
  for (const std::int64_t tokens : {16, 700}) {
    const auto golden = support::Digest::load(fs::path(TTT_SOURCE_DIR) / "tests/golden/llama" / GetParam() /
                                              (text(tokens) + ".digest"));
    TestModel model(directory_.path(), {.strategy = Strategy::kReference}, tokens);
    const support::DigestMatch match = golden.compare(model.logits(ids_of(config_, tokens), tokens, 256));
    EXPECT_LT(match.error, 1e-5) << tokens << " tokens: " << match.message;
  }
}

// What a strategy may lose, of the largest logit. bf16 state rounds keys and values by 2^-9 of themselves, int8 state
// by 1/254 of the largest of their group; int8 activations and bf16 products round the inputs of every product
// likewise. All layers add up; measured losses are at most 0.4 of these bounds.
struct Loss {
  Strategy strategy;
  double f32, bf16, grouped;  // by the format of the weights
};
constexpr Loss kLosses[] = {
    {Strategy::kDefault, 1e-5, 0.02, 0.08},  {Strategy::kPerformance, 0.02, 0.03, 0.08},
    {Strategy::kAccuracy, 1e-5, 1e-5, 1e-5}, {Strategy::kMemory, 0.04, 0.05, 0.08},
    {Strategy::kReference, 0, 0, 0},         {Strategy::kInvariant, 1e-5, 0.02, 0.08},
};

TEST_P(Strategies, AllSixAgreeWithinTheirFormats) {
  for (const Format weights : {Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B}) {
    const std::vector<float> exact = logits({.strategy = Strategy::kReference, .weight_format = weights});
    for (const Loss& loss : kLosses) {
      const std::vector<float> got = logits({.strategy = loss.strategy, .weight_format = weights});
      const double allowed = is_grouped(weights) ? loss.grouped : weights == Format::kBF16 ? loss.bf16 : loss.f32;
      EXPECT_LE(max_relative_error(exact, got), allowed)
          << name_of(loss.strategy) << ", weights in " << name_of(weights);
    }
  }
}

TEST_P(Strategies, ReferenceDoesNotDependOnSplits) {
  const std::vector<float> whole = logits({.strategy = Strategy::kReference}, kTokens);
  EXPECT_EQ(logits({.strategy = Strategy::kReference}, 0), whole);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Strategies, testing::ValuesIn(kShapes), [](const auto& s) { return s.param; });

TEST(StrategiesOnRanks, ReferenceAgrees) {
  const Json config = support::golden_config("odd");
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), config, {});
  const LoadOptions options{.strategy = Strategy::kReference};
  const auto ids = ids_of(config, 20);
  TestModel alone(directory.path(), options, 20);
  const std::vector<float> exact = alone.logits(ids, 15, 15);
  for (std::int64_t ranks = 2; ranks <= 4; ++ranks) {
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel model(directory.path(), options, 20, 1, communicator);
      // Sums over ranks are taken in f32.
      EXPECT_LT(max_relative_error(exact, model.logits(ids, 15, 15)), 1e-5) << rank << " of " << ranks;
    });
  }
}

// What each strategy chooses, as docs/strategies.md says.
TEST(StrategiesChoose, StateAndScores) {
  const DeviceTraits traits = query_device_traits();
  const Json config = support::golden_config("gqa");
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), config, {});
  const std::pair<Strategy, Format> state[] = {
      {Strategy::kDefault, Format::kF32},   {Strategy::kPerformance, Format::kBF16},
      {Strategy::kAccuracy, Format::kF32},  {Strategy::kMemory, Format::kInt8},
      {Strategy::kReference, Format::kF32}, {Strategy::kInvariant, Format::kF32}};
  for (const auto& [strategy, format] : state) {
    TestModel model(directory.path(), {.traits = traits, .strategy = strategy}, 16);
    for (const StateSpec& s : model.loaded().tree().states) EXPECT_EQ(s.format, format) << name_of(strategy);
    TestModel asked(directory.path(), {.traits = traits, .strategy = strategy, .state_format = Format::kBF16}, 16);
    for (const StateSpec& s : asked.loaded().tree().states) EXPECT_EQ(s.format, Format::kBF16) << name_of(strategy);
  }
}

}  // namespace
}  // namespace ttt
