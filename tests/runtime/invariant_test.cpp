// The law of Strategy::kInvariant on a whole model: a row's logits are bitwise the same over batch size, batch slot,
// thread count and split of the sequence.

#include <gtest/gtest.h>

#include <cstring>

#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

using support::TestModel;
using Ids = std::vector<std::int32_t>;

constexpr std::int64_t kInvariantVocab = 320, kTokens = 21;

struct InvariantCase {
  IsaLevel level;
  std::optional<Format> weights, state;
};

class Invariant : public testing::TestWithParam<InvariantCase> {
 protected:
  static void SetUpTestSuite() {
    directory_ = new support::TemporaryDirectory;
    support::write_random_checkpoint(directory_->path(), support::golden_config("gqa"), {});
  }
  static void TearDownTestSuite() { delete directory_; }

  static TestModel model(std::int64_t threads) {
    const InvariantCase& c = GetParam();
    return {directory_->path(),
            {.traits = with_isa(query_device_traits(), c.level),
             .strategy = Strategy::kInvariant,
             .weight_format = c.weights,
             .state_format = c.state},
            kTokens,
            threads};
  }
  static support::TemporaryDirectory* directory_;
};
support::TemporaryDirectory* Invariant::directory_ = nullptr;

// The sequence's logits when it sits in `slot` of `batch` sequences, which all grow by `split` rows a step.
std::vector<float> logits_in_batch(TestModel& m, const Ids& ids, std::int64_t batch, std::int64_t slot,
                                   std::int64_t split, std::int64_t page_rows) {
  const Ids others = support::random_tokens(kInvariantVocab, 64 + kTokens);
  Runner runner = m.runner(std::min(split, kTokens) * batch, batch * std::min(split, kTokens), batch, page_rows);
  std::vector<Sequence> sequences;
  for (std::int64_t i = 0; i < batch; ++i) sequences.push_back(runner.create());
  std::vector<float> all;
  for (std::int64_t at = 0; at < kTokens;) {
    const std::int64_t rows = std::min({split, kTokens - at, runner.config().chunk / batch});
    std::vector<StepEntry> entries;
    Ids step;
    for (std::int64_t i = 0; i < batch; ++i) {
      const auto from = (i == slot ? ids.begin() : others.begin() + i) + at;
      step.insert(step.end(), from, from + rows);
      entries.push_back({.sequence = &sequences[static_cast<std::size_t>(i)], .rows = rows});
    }
    std::vector<std::int64_t> wanted;
    for (std::int64_t r = 0; r < rows; ++r) wanted.push_back(slot * rows + r);
    const std::span<const float> logits = runner.step(entries, step, wanted);
    all.insert(all.end(), logits.begin(), logits.end());
    at += rows;
  }
  return all;
}

TEST_P(Invariant, RowsAreBitwiseEqualOverBatchSlotThreadsAndSplits) {
  if (!query_device_traits().features.contains(features_of(GetParam().level)))
    GTEST_SKIP() << "this machine has no " << name_of(GetParam().level);
  const Ids ids = support::random_tokens(kInvariantVocab, kTokens);
  TestModel base_model = model(1);
  const std::vector<float> base = base_model.logits(ids, kTokens, kTokens);
  const auto equal = [&](const std::vector<float>& got) {
    return got.size() == base.size() && std::memcmp(got.data(), base.data(), base.size() * sizeof(float)) == 0;
  };
  for (std::int64_t threads = 1; threads <= 3; ++threads) {
    TestModel m = model(threads);
    for (const std::int64_t split : {1, 7, 20}) {
      EXPECT_TRUE(equal(logits_in_batch(m, ids, 1, 0, split, 0))) << threads << " threads, split " << split;
    }
    EXPECT_TRUE(equal(logits_in_batch(m, ids, 3, 1, 2, 16))) << threads << " threads";
    const std::vector<std::int64_t> batches =
        threads == 1 ? std::vector<std::int64_t>{2, 4, 5, 8, 16, 17, 33, 64} : std::vector<std::int64_t>{6, 33};
    for (const std::int64_t batch : batches) {
      for (const std::int64_t slot : {batch / 2, batch - 1}) {
        EXPECT_TRUE(equal(logits_in_batch(m, ids, batch, slot, batch % 2 == 0 ? 1 : 10, 0)))
            << threads << " threads, batch " << batch << ", slot " << slot;
      }
    }
  }
}

std::vector<InvariantCase> invariant_cases() {
  const IsaLevel highest = query_device_traits().isa();
  std::vector<InvariantCase> cases;
  for (int i = 0; i <= static_cast<int>(highest); ++i) {
    const auto level = static_cast<IsaLevel>(i);
    if (query_device_traits().features.contains(features_of(level))) cases.push_back({level, {}, {}});
  }
  cases.push_back({highest, Format::kBF16, Format::kBF16});
  cases.push_back({highest, Format::kInt8, Format::kInt8});
  cases.push_back({highest, Format::kInt4, {}});
  cases.push_back({IsaLevel::kAvx2, Format::kBfp8B, {}});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Cases, Invariant, testing::ValuesIn(invariant_cases()), [](const auto& c) {
  const auto name = [](const std::optional<Format>& f) { return f ? name_of(*f) : std::string_view("f32"); };
  return text(name_of(c.param.level), "_", name(c.param.weights), "_", name(c.param.state));
});

}  // namespace
}  // namespace ttt
