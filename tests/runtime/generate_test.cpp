#include "runtime/generate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kVocab = 40, kContext = 24;

// A model that finds token 7 the likeliest, then 9, whatever came before.
class GenerateTest : public testing::Test {
 protected:
  GenerateTest() {
    support::write_constant_checkpoint(directory_.path(), support::tiny_config(kVocab), [](std::int64_t id) {
      return id == 7 ? 3.0f : id == 9 ? 2.0f : 0.0f;
    });
  }
  Generated run(
      const Ids& prompt, const GenerateOptions& options,
      const std::function<bool(std::int32_t)>& take = [](std::int32_t) { return true; }) {
    TestModel m(directory_.path(), {}, kContext);
    Runner runner = m.runner(8, 1);
    return generate(runner, prompt, options, take);
  }
  std::string error(const Ids& prompt, const GenerateOptions& options) {
    try {
      run(prompt, options);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  }
  support::TemporaryDirectory directory_;
};

TEST_F(GenerateTest, StopsByLengthByEndByContextAndByItsCaller) {
  const Generated length = run({1, 2}, {.max_new_tokens = 5});
  EXPECT_EQ(length.ids, Ids(5, 7));
  EXPECT_EQ(length.reason, StopReason::kLength);

  const Generated end = run({1, 2}, {.max_new_tokens = 5, .end_ids = {3, 7}});
  EXPECT_EQ(end.ids, Ids());  // the end token is not given out
  EXPECT_EQ(end.reason, StopReason::kEnd);

  // The last token needs no row of its own.
  const Generated context = run(Ids(20, 1), {.max_new_tokens = 100});
  EXPECT_EQ(context.ids, Ids(5, 7));
  EXPECT_EQ(context.reason, StopReason::kContext);
  EXPECT_EQ(run(Ids(kContext, 1), {.max_new_tokens = INT64_MAX}).ids, Ids(1, 7));

  Ids seen;
  const Generated caller = run({1}, {.max_new_tokens = 100}, [&](std::int32_t id) {
    seen.push_back(id);
    return seen.size() < 3;
  });
  EXPECT_EQ(caller.ids, Ids(3, 7));
  EXPECT_EQ(seen, caller.ids);
  EXPECT_EQ(caller.reason, StopReason::kCaller);

  const Generated none = run({1}, {.max_new_tokens = 0}, [](std::int32_t) -> bool { throw std::logic_error("taken"); });
  EXPECT_TRUE(none.ids.empty());
  EXPECT_EQ(none.reason, StopReason::kLength);
  EXPECT_EQ(name_of(StopReason::kEnd), "end");
  EXPECT_EQ(name_of(StopReason::kContext), "context");
}

TEST_F(GenerateTest, RefusesPromptsThatCannotBe) {
  EXPECT_EQ(error({}, {}), "the prompt wanted at least one token, got none");
  EXPECT_EQ(error(Ids(kContext + 1, 1), {}), "the prompt wanted at most 24 tokens (the context), got 25");
  EXPECT_EQ(error({kVocab}, {}), "token id wanted 0 to 39, got 40");
  EXPECT_NE(error({1}, {.sampling = {.temperature = -1}}).find("temperature"), std::string::npos);
}

TEST_F(GenerateTest, PenaltiesSeeThePromptAndWhatWasGenerated) {
  // 7 is divided by 2 once it has been seen: 1.5 < 2; then 9 too: 1.
  const Generated g = run({1}, {.max_new_tokens = 3, .sampling = {.repetition_penalty = 2}});
  EXPECT_EQ(g.ids, (Ids{7, 9, 7}));
  EXPECT_EQ(run({7}, {.max_new_tokens = 1, .sampling = {.repetition_penalty = 2}}).ids, (Ids{9}));
}

TEST_F(GenerateTest, TheSeedDecidesTheDraws) {
  const auto draw = [&](std::int64_t seed) {
    return run({1}, {.max_new_tokens = 20, .sampling = {.temperature = 2, .seed = seed}}).ids;
  };
  const Ids first = draw(5);
  EXPECT_EQ(draw(5), first);
  EXPECT_NE(draw(6), first);
  EXPECT_NE(first, Ids(20, 7));
  const Ids two = run({1}, {.max_new_tokens = 20, .sampling = {.temperature = 2, .top_k = 2, .seed = 5}}).ids;
  EXPECT_TRUE(std::ranges::all_of(two, [](std::int32_t id) { return id == 7 || id == 9; }));
}

// Generation is nothing but the likeliest token of each prefix.
TEST(Generate, GreedyEqualsWholePasses) {
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), support::golden_config("gqa"), {});
  TestModel m(directory.path(), {}, 32);
  Runner runner = m.runner(4, 1);
  Ids ids = support::random_tokens(runner.vocab(), 9);
  const Generated g = generate(runner, ids, {.max_new_tokens = 12}, [](std::int32_t) { return true; });
  for (const std::int32_t id : g.ids) {
    const std::vector<float> logits = m.logits(ids, static_cast<std::int64_t>(ids.size()), 32);
    const auto last = std::span(logits).last(static_cast<std::size_t>(runner.vocab()));
    EXPECT_EQ(std::ranges::max_element(last) - last.begin(), id) << ids.size();
    ids.push_back(id);
  }
  EXPECT_EQ(g.ids.size(), 12u);
}

// A model that is broken says so instead of inventing tokens.
TEST(Generate, NaNLogitsAreAnError) {
  const support::TemporaryDirectory directory;
  support::write_constant_checkpoint(directory.path(), support::tiny_config(kVocab),
                                     [](std::int64_t id) { return id == 3 ? std::nanf("") : 0.0f; });
  TestModel m(directory.path(), {}, kContext);
  Runner runner = m.runner(4, 1);
  try {
    generate(runner, Ids{1}, {}, [](std::int32_t) { return true; });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadData);
    EXPECT_NE(std::string(e.what()).find("numerical error"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace ttt
