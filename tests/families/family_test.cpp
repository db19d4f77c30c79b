// Every family of models/ against the logits, the last logits of long prompts and the greedy tokens that transformers
// computed on tiny random checkpoints, for each way of splitting a prompt and for each container.

#include <gtest/gtest.h>

#include <algorithm>

#include "families/family_case.h"
#include "runtime/observers/tap_observer.h"
#include "testing/metrics.h"

namespace ttt::family_tests {
namespace {

using support::TestModel;

class Families : public testing::TestWithParam<std::string> {
 protected:
  const FamilyCase case_ = read_case(GetParam());

  std::span<const std::int32_t> prompt(std::int64_t rows) const {
    return std::span(case_.ids).first(static_cast<std::size_t>(rows));
  }
  TestModel model(std::int64_t context) const { return {case_.directory, exact(), context, 1}; }
  // Of all logits that this checkpoint has in the reference.
  double error(std::span<const float> wanted, std::span<const float> got) const {
    return max_abs_error(wanted, got) / case_.range();
  }
};

TEST_P(Families, ShortPromptsEqualTheReference) {
  TestModel m = model(kContext);
  const auto ids = prompt(kShort);
  EXPECT_LT(error(case_.short_logits(), m.logits(ids, kShort, kShort)), kTolerance) << "in one prefill";
  EXPECT_LT(error(case_.short_logits(), m.logits(ids, kShort, 5, 4)), kTolerance) << "in chunks, pages of 4";
  EXPECT_LT(error(case_.short_logits(), m.logits(ids, 0, 1)), kTolerance) << "one by one";
  EXPECT_EQ(m.loaded().weights->unused(), std::vector<std::string>{});
}

TEST_P(Families, LongPromptsEqualTheReference) {
  const std::vector<std::int64_t> lengths = case_.longer_prompts();
  TestModel m = model(static_cast<std::int64_t>(case_.ids.size()));
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto last = [&](std::int64_t chunk, std::int64_t page_rows) {
      Runner runner = m.runner(chunk, 1, 1, page_rows);
      Sequence sequence = runner.create();
      const auto logits = runner.extend(sequence, prompt(lengths[i]));
      return error(case_.last_logits(i), logits);
    };
    EXPECT_LT(last(lengths[i], 0), kTolerance) << lengths[i] << " rows in one prefill";
    EXPECT_LT(last(128, 16), kTolerance) << lengths[i] << " rows in chunks of 128, pages of 16";
    EXPECT_LT(last(1, 0), kTolerance) << lengths[i] << " rows one by one";
  }
}

TEST_P(Families, GreedyTokensEqualTheReference) {
  TestModel m = model(kContext);
  Runner runner = m.runner(kShort, 1);
  Sequence sequence = runner.create();
  auto logits = runner.extend(sequence, prompt(kShort));
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < kGreedy; ++i) {
    tokens.push_back(static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin()));
    if (i + 1 < kGreedy) logits = runner.extend(sequence, std::span(tokens).last(1));
  }
  EXPECT_EQ(tokens, case_.greedy);
}

// The experts that routers choose for the short prompt and what follows it, in layers and rows of the reference.
class RouterChoices : public Families {
 protected:
  // [mixtures, rows, chosen]: the prompt in one prefill and the rest one by one, or all one by one.
  std::vector<std::int32_t> choices(const std::filesystem::path& path, std::int64_t prefill) const {
    TestModel m(path, exact(), kContext, 1);
    TapObserver taps(m.loaded().tree());
    std::vector<std::vector<std::int32_t>> mixtures;
    const ModelTree& tree = m.loaded().tree();
    for (std::int64_t i = 0; i < tree.places.size(); ++i) {
      if (!tree.places[i].path.ends_with(".chosen_experts")) continue;
      const std::size_t at = mixtures.size();
      mixtures.emplace_back();
      taps.add(std::string(tree.places[i].path), [&mixtures, at](const Place&, TensorView y) {
        for (std::int64_t r = 0; r < y.dim(0); ++r) {
          const auto* row = reinterpret_cast<const std::int32_t*>(y.data) + r * y.dim(1);
          std::vector<std::int32_t> chosen(row, row + y.dim(1));
          std::ranges::sort(chosen);
          mixtures[at].insert(mixtures[at].end(), chosen.begin(), chosen.end());
        }
      });
    }
    std::vector<std::int32_t> ids(case_.ids.begin(), case_.ids.begin() + kShort);
    ids.insert(ids.end(), case_.greedy.begin(), case_.greedy.end() - 1);
    Runner runner = m.runner(kShort, 1, 1, 0, taps);
    Sequence sequence = runner.create();
    if (prefill > 0) runner.extend(sequence, std::span(ids).first(static_cast<std::size_t>(prefill)));
    for (auto i = static_cast<std::size_t>(prefill); i < ids.size(); ++i) {
      runner.extend(sequence, std::span(ids).subspan(i, 1));
    }
    std::vector<std::int32_t> all;
    for (const auto& mixture : mixtures) all.insert(all.end(), mixture.begin(), mixture.end());
    return all;
  }
};

TEST_P(RouterChoices, EqualTheReference) {
  ASSERT_FALSE(case_.experts.empty());
  EXPECT_EQ(choices(case_.directory, kShort), case_.experts) << "in one prefill";
  EXPECT_EQ(choices(case_.directory, 0), case_.experts) << "one by one";
  const std::filesystem::path file = case_.directory / "model.gguf";
  if (std::filesystem::exists(file)) {
    EXPECT_EQ(choices(file, kShort), case_.experts) << "GGUF";
  }
}

// The same weights in a GGUF file, with its names, orders of rows and keys.
class GgufTwins : public Families {};

TEST_P(GgufTwins, AreTheDirectory) {
  const auto ids = prompt(kShort);
  TestModel directory = model(kContext), file(case_.directory / "model.gguf", exact(), kContext, 1);
  const std::vector<float> logits = file.logits(ids, kShort, kShort);
  EXPECT_LT(error(case_.short_logits(), logits), kTolerance);
  EXPECT_EQ(logits, directory.logits(ids, kShort, kShort));
  EXPECT_EQ(file.loaded().weights->unused(), std::vector<std::string>{});
  const std::vector<std::int64_t> lengths = case_.longer_prompts();
  const auto longest = static_cast<std::int64_t>(case_.ids.size());
  TestModel long_file(case_.directory / "model.gguf", exact(), longest, 1);
  Runner runner = long_file.runner(longest, 1);
  Sequence sequence = runner.create();
  EXPECT_LT(error(case_.last_logits(lengths.size() - 1), runner.extend(sequence, case_.ids)), kTolerance) << longest;
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Families, testing::ValuesIn(case_names()), test_name);

INSTANTIATE_TEST_SUITE_P(Checkpoints, RouterChoices, testing::ValuesIn(case_names_with_experts()), test_name);

INSTANTIATE_TEST_SUITE_P(Checkpoints, GgufTwins, testing::ValuesIn(case_names_with_gguf()), test_name);

}  // namespace
}  // namespace ttt::family_tests
