#include "runtime/runner.h"

#include <gtest/gtest.h>

#include "support/model.h"
#include "support/tiny_model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::TestModel;

constexpr double kTolerance = 1e-5;  // of the largest logit: kernels differ by rounding
constexpr std::int64_t kRunnerContext = 64;

std::vector<std::int32_t> some_ids(std::int64_t vocab, std::int64_t from, std::int64_t count) {
  const std::vector<std::int32_t> all = support::random_tokens(vocab, from + count);
  return {all.begin() + from, all.end()};
}

class RunnerTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new support::TemporaryDirectory;
    support::write_random_checkpoint(directory_->path(), support::golden_config("gqa"), {});
  }
  static void TearDownTestSuite() { delete directory_; }

  static TestModel model(const LoadOptions& options = {}, std::int64_t context = kRunnerContext) {
    return {directory_->path(), options, context};
  }
  static constexpr std::int64_t kVocab = 320;
  static support::TemporaryDirectory* directory_;
};
support::TemporaryDirectory* RunnerTest::directory_ = nullptr;

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

// Sequences that go on by several rows and by one, in every mixture, are what each is alone.
struct Mixture {
  std::int64_t page_rows;
  Strategy strategy;
};
class RunnerMixes : public RunnerTest, public testing::WithParamInterface<Mixture> {};

TEST_P(RunnerMixes, AnyMixtureEqualsSeparateRuns) {
  TestModel m = model({.strategy = GetParam().strategy});
  const std::vector<std::vector<std::int32_t>> ids{some_ids(kVocab, 0, 40), some_ids(kVocab, 50, 7),
                                                   some_ids(kVocab, 100, 33), some_ids(kVocab, 150, 3)};
  std::vector<std::vector<float>> alone;
  for (const auto& one : ids) alone.push_back(m.logits(one, static_cast<std::int64_t>(one.size()), kRunnerContext));
  // Rows that each sequence gets, step by step: prompts beside prompts, prompts beside single rows, single rows only.
  const std::int64_t steps[][4] = {{20, 5, 0, 0}, {1, 1, 16, 0}, {17, 0, 1, 1}, {1, 1, 15, 1}, {1, 0, 1, 1}};
  Runner runner = m.runner(64, 64, 4, GetParam().page_rows);
  std::vector<Sequence> sequences;
  for (std::size_t i = 0; i < ids.size(); ++i) sequences.push_back(runner.create());
  std::vector<std::vector<float>> got(ids.size());
  for (const auto& step : steps) {
    std::vector<StepEntry> entries;
    std::vector<std::int32_t> rows;
    std::vector<std::int64_t> wanted;
    for (std::size_t i = ids.size(); i-- > 0;) {  // another order than creation's
      if (step[i] == 0) continue;
      const auto from = ids[i].begin() + sequences[i].length();
      rows.insert(rows.end(), from, from + step[i]);
      entries.push_back({.sequence = &sequences[i], .rows = step[i]});
    }
    for (std::size_t r = 0; r < rows.size(); ++r) wanted.push_back(static_cast<std::int64_t>(r));
    const std::span<const float> logits = runner.step(entries, rows, wanted);
    ASSERT_EQ(logits.size(), rows.size() * kVocab);
    auto at = logits.begin();
    for (std::size_t i = ids.size(); i-- > 0;) {
      got[i].insert(got[i].end(), at, at + step[i] * kVocab);
      at += step[i] * kVocab;
    }
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(sequences[i].length(), static_cast<std::int64_t>(ids[i].size()));
    ASSERT_EQ(got[i].size(), alone[i].size());
    EXPECT_LT(max_relative_error(alone[i], got[i]), kTolerance) << "sequence " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Layouts, RunnerMixes,
                         testing::Values(Mixture{0, Strategy::kDefault}, Mixture{16, Strategy::kDefault},
                                         Mixture{5, Strategy::kAccuracy}, Mixture{16, Strategy::kReference}),
                         [](const auto& c) {
                           return text("pages_", c.param.page_rows, "_", name_of(c.param.strategy));
                         });

TEST_F(RunnerTest, ChunksAgreeAndHandOverEveryWantedRowOnce) {
  TestModel m = model();
  const auto ids = some_ids(kVocab, 0, 50);
  const std::vector<float> whole = m.logits(ids, 50, kRunnerContext);
  for (const std::int64_t chunk : {1, 3, 16, 49, 64}) {
    for (const std::int64_t wanted : {std::int64_t{1}, std::int64_t{4}, chunk}) {
      for (const std::int64_t first : {0, 20, 49, 50}) {
        Runner runner = m.runner(chunk, wanted);
        Sequence sequence = runner.create();
        std::vector<float> rows;
        runner.extend(sequence, ids, first, [&](std::int64_t at, std::span<const float> logits) {
          EXPECT_EQ(at, first + static_cast<std::int64_t>(rows.size()) / kVocab);
          rows.insert(rows.end(), logits.begin(), logits.end());
        });
        const std::vector<float> want(whole.begin() + first * kVocab, whole.end());
        ASSERT_EQ(rows.size(), want.size()) << chunk << " " << wanted << " " << first;
        EXPECT_LT(max_relative_error(want, rows), kTolerance) << chunk << " " << wanted << " " << first;
      }
    }
  }
}

TEST_F(RunnerTest, WritesIntoMemoryOfTheCaller) {
  TestModel m = model();
  const auto ids = some_ids(kVocab, 0, 50);
  for (const std::int64_t first : {0, 20, 49, 50}) {
    Runner runner = m.runner(16, 4);
    Sequence sequence = runner.create();
    std::vector<float> handed, written(static_cast<std::size_t>((50 - first) * kVocab), -1.0f);
    runner.extend(sequence, ids, first, [&](std::int64_t, std::span<const float> rows) {
      handed.insert(handed.end(), rows.begin(), rows.end());
    });
    sequence.truncate(0);
    runner.extend(sequence, ids, first, written);
    EXPECT_EQ(written, handed) << first;
  }
  Runner runner = m.runner(16, 4);
  Sequence sequence = runner.create();
  std::vector<float> few(static_cast<std::size_t>(kVocab - 1));
  EXPECT_NE(message_of([&] { runner.extend(sequence, ids, 49, few); }).find("wanted memory for 320 values, got 319"),
            std::string::npos);
  EXPECT_EQ(sequence.length(), 0);
}

TEST_F(RunnerTest, WantedRowsAreThoseOfTheWholeStep) {
  TestModel m = model();
  Runner runner = m.runner(32, 8);
  const auto ids = some_ids(kVocab, 0, 20);
  const std::vector<float> whole = m.logits(ids, 20, kRunnerContext);
  for (const std::vector<std::int64_t>& wanted :
       {std::vector<std::int64_t>{}, {0}, {19}, {3, 4, 17}, {0, 2, 5, 7, 11, 13, 17, 19}}) {
    Sequence sequence = runner.create();
    const StepEntry entry{&sequence, 20};
    const std::span<const float> logits = runner.step({&entry, 1}, ids, wanted);
    ASSERT_EQ(logits.size(), wanted.size() * kVocab);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto want = std::span(whole).subspan(static_cast<std::size_t>(wanted[i]) * kVocab, kVocab);
      EXPECT_LT(max_relative_error(want, logits.subspan(i * kVocab, kVocab)), kTolerance) << wanted[i];
    }
  }
}

TEST_F(RunnerTest, ForksAndTruncationsGoOnLikeFreshSequences) {
  for (const std::int64_t page_rows : {0, 16}) {
    TestModel m = model();
    Runner runner = m.runner(64, 1, 4, page_rows);
    const auto prompt = some_ids(kVocab, 0, 30), left = some_ids(kVocab, 100, 9), right = some_ids(kVocab, 200, 9);
    const auto alone = [&](std::size_t keep, const std::vector<std::int32_t>& more) {
      std::vector<std::int32_t> ids(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(keep));
      ids.insert(ids.end(), more.begin(), more.end());
      Sequence s = runner.create();
      const std::span<const float> logits = runner.extend(s, ids);
      return std::vector<float>(logits.begin(), logits.end());
    };
    Sequence a = runner.create();
    runner.extend(a, prompt);
    Sequence b = a.fork();
    EXPECT_EQ(b.length(), 30);
    const auto close = [](const std::vector<float>& want, std::span<const float> got) {
      return max_relative_error(want, got) < kTolerance;
    };
    const std::vector<float> want_left = alone(30, left), want_right = alone(30, right), want_cut = alone(11, left);
    EXPECT_TRUE(close(want_left, runner.extend(a, left))) << page_rows;
    EXPECT_TRUE(close(want_right, runner.extend(b, right))) << page_rows;
    Sequence c = b.fork();
    c.truncate(11);
    EXPECT_TRUE(close(want_cut, runner.extend(c, left))) << page_rows;
    b.truncate(30);  // c's rows must not have touched b's
    EXPECT_TRUE(close(want_left, runner.extend(b, left))) << page_rows;
  }
}

TEST_F(RunnerTest, RefusesWhatDoesNotFitAndChangesNothing) {
  TestModel m = model();
  Runner runner = m.runner(16, 2, 2);
  Sequence s = runner.create();
  const auto ids = some_ids(kVocab, 0, 70);
  const auto first = [&](std::size_t n) { return std::span(ids).first(n); };
  EXPECT_EQ(message_of([&] { runner.extend(s, ids); }),
            "a sequence of 0 tokens in a context of 64 wanted at most 64 more, got 70");
  EXPECT_EQ(s.length(), 0);
  runner.extend(s, first(60));
  EXPECT_EQ(message_of([&] { runner.extend(s, first(5)); }),
            "a sequence of 60 tokens in a context of 64 wanted at most 4 more, got 5");
  const StepEntry five{&s, 5};
  EXPECT_NE(message_of([&] {
              runner.step({&five, 1}, first(5), {});
            }).find("wanted at most 4 rows more"),
            std::string::npos);
  const std::int32_t bad[] = {1, kVocab};
  const StepEntry two{&s, 2};
  EXPECT_EQ(message_of([&] { runner.step({&two, 1}, bad, {}); }), "token id wanted 0 to 319, got 320");
  const std::int32_t negative[] = {-1, 0};
  EXPECT_EQ(message_of([&] { runner.step({&two, 1}, negative, {}); }), "token id wanted 0 to 319, got -1");
  const std::int64_t beyond[] = {2};
  EXPECT_EQ(message_of([&] { runner.step({&two, 1}, first(2), beyond); }), "a step of 2 rows wanted logits of row 2");
  const std::int64_t three[] = {0, 1, 1};
  EXPECT_EQ(message_of([&] {
              runner.step({&two, 1}, first(2), three);
            }),
            "a step wanted logits of at most 2 rows, got 3");
  EXPECT_EQ(message_of([&] { runner.extend(s, {}); }), "a prompt wanted at least one token, got none");
  EXPECT_EQ(s.length(), 60);
  runner.extend(s, first(4));
  EXPECT_EQ(s.length(), 64);
  Sequence second = runner.create();
  EXPECT_THROW(runner.create(), Error);
  EXPECT_NE(message_of([&] { m.runner(0, 1); }).find("wanted positive context, chunk"), std::string::npos);
}

// What attention keeps for a row grows with the rows before it and with the sequences of the step: scratch is planned
// for the end of the context, not for its beginning.
TEST_F(RunnerTest, ScratchIsEnoughAtTheEndOfTheContext) {
  constexpr std::int64_t kLong = 290;  // three blocks of keys
  const Json full =
      Json::parse(R"({"model.layers.*.self_attn": {"many": {"kind": "full"}, "one": {"kind": "full"}}})", "");
  for (const Json& impl : {Json(), full}) {
    TestModel m = model({.impl = impl}, kLong);
    for (const std::int64_t sequences : {1, 6}) {
      Runner runner = m.runner(1, 9, sequences);
      const auto ids = some_ids(kVocab, 0, kLong);
      std::vector<Sequence> all;
      std::vector<StepEntry> entries;
      std::vector<std::int64_t> wanted;
      all.push_back(runner.create());
      runner.extend(all[0], std::span(ids).first(kLong - 2));
      while (static_cast<std::int64_t>(all.size()) < sequences) all.push_back(all[0].fork());
      for (Sequence& s : all) {
        wanted.push_back(static_cast<std::int64_t>(entries.size()));
        entries.push_back({&s, 1});
      }
      const std::vector<std::int32_t> next(entries.size(), 5);
      EXPECT_NO_THROW(runner.step(entries, next, wanted)) << sequences;
      EXPECT_NO_THROW(runner.step(entries, next, wanted)) << sequences;
    }
  }
}

TEST_F(RunnerTest, MoreSequencesThanContextRun) {
  TestModel m = model({}, 3);
  Runner runner = m.runner(512, 8, 8);
  std::vector<Sequence> all;
  std::vector<StepEntry> entries;
  for (int i = 0; i < 8; ++i) all.push_back(runner.create());
  for (Sequence& s : all) entries.push_back({&s, 1});
  const std::vector<std::int32_t> ids(8, 3);
  const std::vector<std::int64_t> wanted{0, 7};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(runner.step(entries, ids, wanted).size(), 2u * kVocab);
}

TEST_F(RunnerTest, AllocatesWhatIsPlanned) {
  TestModel m = model();
  for (const std::int64_t page_rows : {0, 16}) {
    Runner runner = m.runner(16, 4, 3, page_rows);
    const StatePoolConfig pool{.sequences = 3, .context = kRunnerContext, .page_rows = page_rows, .chunk = 16};
    EXPECT_EQ(runner.state_bytes(), StatePool::bytes(m.loaded().tree().states, pool));
    // Keys and values of two layers, two KV heads of width 8, in f32, of 3 sequences.
    EXPECT_EQ(runner.state_bytes(), 2 * 2 * 2 * 8 * 4 * 3 * kRunnerContext);
    const StepPlan largest = plan_step(m.loaded().built, m.threads(), self_communicator(), runner.config(), 16, 4);
    EXPECT_GE(runner.scratch_bytes(), largest.scratch_bytes);
    EXPECT_LT(runner.scratch_bytes(), 2 * largest.scratch_bytes);
  }
}

TEST_F(RunnerTest, PlansTheOperationsOfAStep) {
  TestModel m = model();
  const StepPlan plan = plan_step(m.loaded().built, m.threads(), self_communicator(),
                                  {.sequences = 1, .context = kRunnerContext, .chunk = 32}, 32, 1);
  // 2 layers: q and o 64 x 64, k and v 16 x 64, three of 160 x 64; a head of 320 x 64 for one row.
  const double matrices = 2.0 * (2 * 64 * 64 + 2 * 16 * 64 + 3 * 160 * 64);
  EXPECT_GT(plan.operations, 2 * (matrices * 32 + 320 * 64));
  EXPECT_LT(plan.operations, 1.25 * 2 * (matrices * 32 + 320 * 64));
  EXPECT_GT(plan.bytes, 4 * (matrices + 320 * 64));
}

}  // namespace
}  // namespace ttt
