#include "sampling/history.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "sampling/penalties.h"

namespace ttt {
namespace {

TEST(SequenceHistory, CountsWhatWasGenerated) {
  const std::vector<std::int32_t> prompt{7, 3, 7};
  SequenceHistory history(prompt);
  EXPECT_EQ(history.generated(), 0);
  for (const std::int32_t id : {3, 9, 1, 9}) history.append(id);
  EXPECT_EQ(history.size(), 7);
  EXPECT_EQ(history.generated(), 4);
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> generated;
  for (const auto& seen : history.seen()) {
    ids.push_back(seen.id);
    generated.push_back(seen.generated);
  }
  EXPECT_EQ(ids, (std::vector<std::int32_t>{1, 3, 7, 9}));
  EXPECT_EQ(generated, (std::vector<std::int64_t>{1, 1, 0, 2}));
}

TEST(SequenceHistory, RefusesNegativeIds) {
  const std::vector<std::int32_t> prompt{1, -1};
  EXPECT_THROW(SequenceHistory{prompt}, Error);
  SequenceHistory history({});
  EXPECT_THROW(history.append(-5), Error);
}

// A model may read ids that it cannot write (a wider embedding than head).
TEST(Penalties, PassOverIdsBeyondTheScores) {
  const std::vector<std::int32_t> prompt{1, 500};
  SequenceHistory history(prompt);
  history.append(2);
  std::vector<float> x{1, 1, 1, -1};
  Penalties({.repetition_penalty = 2, .presence_penalty = 0.25, .frequency_penalty = 0.125}).apply(x, history);
  EXPECT_EQ(x, (std::vector<float>{1, 0.5F, 0.125F, -1}));
}

TEST(Penalties, ABadWordNeedsTheWholeBeginning) {
  const std::vector<std::int32_t> prompt{4, 5};
  const SequenceHistory history(prompt);
  std::vector<float> x(6);
  Penalties({.bad_words = {{4, 5, 0}, {5, 1}, {4, 2}, {1, 4, 5, 3}}}).apply(x, history);
  std::vector<bool> excluded;
  for (const float v : x) excluded.push_back(v < 0);
  EXPECT_EQ(excluded, (std::vector<bool>{true, true, false, false, false, false}));
}

}  // namespace
}  // namespace ttt
