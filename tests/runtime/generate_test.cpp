#include "runtime/generate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kTinyVocab = 40, kTinyContext = 24;

// A model that finds token 7 the likeliest, then 9, whatever came before.
class GenerateTest : public testing::Test {
 protected:
  GenerateTest() {
    support::write_constant_checkpoint(directory_.path(), support::tiny_config(kTinyVocab), [](std::int64_t id) {
      return id == 7 ? 3.0f : id == 9 ? 2.0f : 0.0f;
    });
  }
  Generated run(
      const Ids& prompt, const GenerateOptions& options,
      const std::function<bool(std::int32_t)>& take = [](std::int32_t) { return true; }) {
    TestModel m(directory_.path(), {}, kTinyContext);
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
  EXPECT_EQ(run(Ids(kTinyContext, 1), {.max_new_tokens = INT64_MAX}).ids, Ids(1, 7));

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

// Lets some ids follow each other in order, and ends after the last of `texts`, or nowhere.
class ListConstraint : public TokenConstraint {
 public:
  ListConstraint(std::vector<Ids> steps, bool ends) : steps_(std::move(steps)), ends_(ends) {}

  class State : public ConstraintState {
   public:
    explicit State(const ListConstraint& list) : list_(list) {}
    void allowed(std::span<std::uint32_t> mask) override {
      std::ranges::fill(mask, 0u);
      if (at_ == list_.steps_.size()) return;
      for (const std::int32_t id : list_.steps_[at_]) mask[static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
    }
    bool can_end() const override { return list_.ends_ && at_ + 1 >= list_.steps_.size(); }
    void accept(std::int32_t id) override {
      EXPECT_TRUE(std::ranges::find(list_.steps_[at_], id) != list_.steps_[at_].end());
      ++at_;
    }
    std::unique_ptr<ConstraintState> fork() const override { return std::make_unique<State>(*this); }

   private:
    const ListConstraint& list_;
    std::size_t at_ = 0;
  };
  std::unique_ptr<ConstraintState> begin() const override { return std::make_unique<State>(*this); }

 private:
  std::vector<Ids> steps_;
  bool ends_;
};

TEST_F(GenerateTest, KeepsToAConstraint) {
  const auto with = [&](std::vector<Ids> steps, bool ends, std::int64_t count = 10,
                        std::vector<std::int64_t> end_ids = {}) {
    return run({1, 2}, {.max_new_tokens = count,
                        .end_ids = std::move(end_ids),
                        .constraint = std::make_shared<ListConstraint>(std::move(steps), ends)});
  };
  // The likeliest of those that are allowed; where nothing may follow, the text ends by itself.
  const Generated whole = with({{3, 39}, {7, 8}, {8, 9}}, true);
  EXPECT_EQ(whole.ids, (Ids{3, 7, 9}));
  EXPECT_EQ(whole.reason, StopReason::kEnd);
  EXPECT_EQ(with({{7}, {7}}, true, 2).reason, StopReason::kEnd);  // complete with its last token
  EXPECT_EQ(with({{7}, {7}, {7}}, false, 2).reason, StopReason::kLength);
  // RELIABILITY.md, 104: no token is left, and the text is not complete.
  const Generated dead = with({{5}, {}}, false);
  EXPECT_EQ(dead.ids, Ids{5});
  EXPECT_EQ(dead.reason, StopReason::kDeadEnd);
  EXPECT_EQ(name_of(StopReason::kDeadEnd), "a dead end of the grammar");
  // An end id is possible only where the text may end, though it is no token of the grammar, or is one.
  const Generated ended = with({{9}, {9}, {9}}, true, 10, {7});
  EXPECT_EQ(ended.ids, (Ids{9, 9}));
  EXPECT_EQ(ended.reason, StopReason::kEnd);
  EXPECT_EQ(with({{7, 9}, {9}, {}}, false, 10, {7}).ids, (Ids{9, 9}));
}

TEST_F(GenerateTest, RefusesPromptsThatCannotBe) {
  EXPECT_EQ(error({}, {}), "the prompt wanted at least one token, got none");
  EXPECT_EQ(error(Ids(kTinyContext + 1, 1), {}), "the prompt wanted at most 24 tokens (the context), got 25");
  EXPECT_EQ(error({kTinyVocab}, {}), "token id wanted 0 to 39, got 40");
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
  support::write_constant_checkpoint(directory.path(), support::tiny_config(kTinyVocab),
                                     [](std::int64_t id) { return id == 3 ? std::nanf("") : 0.0f; });
  TestModel m(directory.path(), {}, kTinyContext);
  Runner runner = m.runner(4, 1);
  try {
    generate(runner, Ids{1}, {}, [](std::int32_t) { return true; });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadData);
    EXPECT_NE(std::string(e.what()).find("numerical error"), std::string::npos) << e.what();
  }
}

// Each continuation has a stream of its own, whatever their number, and the prompt is read once.
TEST_F(GenerateTest, ManyContinuationsOfOnePrompt) {
  const Ids prompt{1, 2, 3};
  const GenerateOptions options{.max_new_tokens = 12, .sampling = {.temperature = 3, .seed = 11}};
  TestModel m(directory_.path(), {}, kTinyContext);
  Runner runner = m.runner(8, 1, 2, 4);
  const std::vector<Generated> three = generate_many(runner, prompt, options, 3);
  ASSERT_EQ(three.size(), 3u);
  EXPECT_EQ(three[0].ids, run(prompt, options).ids);
  EXPECT_NE(three[0].ids, three[1].ids);
  EXPECT_NE(three[1].ids, three[2].ids);
  EXPECT_NE(three[0].ids, three[2].ids);
  const std::vector<Generated> two = generate_many(runner, prompt, options, 2);
  EXPECT_EQ(two[0].ids, three[0].ids);
  EXPECT_EQ(two[1].ids, three[1].ids);
  // By hand: the same logits after every token.
  const std::vector<float> logits = m.logits(prompt, 3, 8);
  const std::span<const float> last = std::span(logits).last(kTinyVocab);
  const Sampler sampler(options.sampling, kTinyVocab);
  SequenceHistory history(prompt);
  SamplerWorkspace workspace;
  for (const std::int32_t id : three[2].ids) {
    EXPECT_EQ(sampler.sample(last, history, RandomStream(11, 2), workspace).id, id);
    history.append(id);
  }
  Runner alone = m.runner(8, 1);
  EXPECT_EQ(generate_many(alone, prompt, options, 1)[0].ids, three[0].ids);
  EXPECT_THROW(generate_many(alone, prompt, options, 2), Error);
  EXPECT_THROW(generate_many(runner, prompt, options, 0), Error);
}

// A caller that asks for each token gets what generate gives, and stops where it asks no more.
TEST_F(GenerateTest, TokenByToken) {
  const GenerateOptions options{.max_new_tokens = 6, .sampling = {.temperature = 1.5, .seed = 4}};
  const Ids prompt{1, 2, 3}, wanted = run(prompt, options).ids;
  TestModel m(directory_.path(), {}, kTinyContext);
  Runner runner = m.runner(8, 1);
  Sequence sequence = runner.create();
  Generation generation(runner, sequence, prompt, runner.extend(sequence, prompt), options, 0);
  Ids ids;
  for (int i = 0; i < 4; ++i) ids.push_back(generation.next()->id);
  EXPECT_EQ(generation.reason(), StopReason::kCaller);
  EXPECT_EQ(sequence.length(), 3 + 3);  // the last token is not a row yet
  while (const auto token = generation.next()) ids.push_back(token->id);
  EXPECT_EQ(ids, wanted);
  EXPECT_EQ(generation.reason(), StopReason::kLength);
  EXPECT_FALSE(generation.next());
  EXPECT_EQ(sequence.length(), 3 + 5);
}

TEST_F(GenerateTest, LogProbabilitiesOfEveryToken) {
  const Generated plain = run({1}, {.max_new_tokens = 3});
  EXPECT_TRUE(plain.tokens.empty());
  const Generated g = run({1}, {.max_new_tokens = 3, .sampling = {.log_probs = 2}});
  ASSERT_EQ(g.tokens.size(), g.ids.size());
  for (std::size_t i = 0; i < g.ids.size(); ++i) {
    EXPECT_EQ(g.tokens[i].id, g.ids[i]);
    ASSERT_EQ(g.tokens[i].top.size(), 2u);
    EXPECT_EQ(g.tokens[i].top[0].id, 7);
    EXPECT_EQ(g.tokens[i].top[1].id, 9);
    EXPECT_EQ(g.tokens[i].top[0].log_prob, g.tokens[i].log_prob);
    EXPECT_NEAR(g.tokens[i].top[0].log_prob - g.tokens[i].top[1].log_prob, 1, 1e-4);  // logits 3 and 2
  }
}

}  // namespace
}  // namespace ttt
