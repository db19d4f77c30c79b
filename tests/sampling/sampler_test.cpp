#include "sampling/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"

namespace ttt {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Roughly normal logits from the library's own counter, so that they are the same everywhere.
std::vector<float> logits_of(std::int64_t vocab, std::uint64_t seed, float scale) {
  const RandomStream random(seed);
  std::vector<float> x;
  for (std::int64_t i = 0; i < vocab; ++i) {
    double sum = -6;
    for (std::int64_t j = 0; j < 12; ++j) sum += random.uniform(12 * i + j);
    x.push_back(static_cast<float>(sum) * scale);
  }
  return x;
}

SequenceHistory history_after(std::vector<std::int32_t> prompt, std::vector<std::int32_t> generated = {}) {
  SequenceHistory history(prompt);
  for (const std::int32_t id : generated) history.append(id);
  return history;
}

std::string refused(const SamplingSpec& spec, std::vector<float> x, ErrorKind kind) {
  SamplerWorkspace workspace;
  const Sampler sampler(spec, static_cast<std::int64_t>(x.size()));
  try {
    sampler.sample(x, history_after({0, 1}, {1}), RandomStream(1), workspace);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "accepted";
}

TEST(Sampler, GreedyTakesTheLowestOfEqualIds) {
  SamplerWorkspace workspace;
  const std::vector<float> x{-1, 3, 2, 3, -kInfinity};
  const Sampler sampler({.top_k = 2, .top_p = 0.5, .typical_p = 0.1}, 5);
  EXPECT_EQ(sampler.sample(x, history_after({0}), RandomStream(7), workspace).id, 1);
  const std::vector<float> low(5, std::numeric_limits<float>::lowest());
  EXPECT_EQ(sampler.sample(low, history_after({0}), RandomStream(7), workspace).id, 0);
}

TEST(Sampler, RefusesLogitsThatAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const double temperature : {0.0, 1.0}) {
    const SamplingSpec spec{.temperature = temperature};
    EXPECT_EQ(refused(spec, {0, 1, nan, 2}, ErrorKind::kBadData),
              "numerical error: at step 1 (position 3) the logit of id 2 is nan");
    EXPECT_EQ(refused(spec, {0, kInfinity}, ErrorKind::kBadData),
              "numerical error: at step 1 (position 3) the logit of id 1 is inf");
    EXPECT_EQ(refused(spec, {-kInfinity, -kInfinity}, ErrorKind::kBadData),
              "numerical error: at step 1 (position 3) all logits are -inf");
  }
  EXPECT_EQ(refused({.temperature = 1e-6}, {0, 3e38F}, ErrorKind::kBadData),
            "numerical error: at step 1 (position 3) temperature makes a score infinite");
  EXPECT_EQ(refused({.repetition_penalty = 1e-30}, {3e38F, 1}, ErrorKind::kBadData),
            "numerical error: at step 1 (position 3) penalties make a score infinite");
}

TEST(Sampler, RefusesWhenNothingIsLeft) {
  EXPECT_EQ(refused({.logit_bias = {{0, -kInfinity}}, .bad_words = {{0, 1, 1, 1}, {1}}}, {0, 1}, ErrorKind::kUsage),
            "sampling: logit_bias, penalties and bad_words exclude every token");
}

TEST(Sampler, RefusesAnotherVocabulary) {
  SamplerWorkspace workspace;
  const std::vector<float> x(3);
  EXPECT_THROW(Sampler({}, 4).sample(x, history_after({}), RandomStream(0), workspace), Error);
  EXPECT_THROW(Sampler({}, 0), Error);
  EXPECT_THROW(Sampler({.logit_bias = {{4, 1}}}, 4), Error);
}

TEST(Sampler, LogProbsAreTheModelsOwn) {
  SamplerWorkspace workspace;
  const std::vector<float> x{1, 2, 2, 0, -kInfinity};
  const double log_sum = std::log(std::exp(1.0) + 2 * std::exp(2.0) + 1);
  // Bias and temperature change the choice, not the log-probabilities.
  const Sampler sampler({.logit_bias = {{3, 50}}, .log_probs = 3}, 5);
  const SampleResult r = sampler.sample(x, history_after({0}), RandomStream(0), workspace);
  EXPECT_EQ(r.id, 3);
  EXPECT_NEAR(r.log_prob, -log_sum, 1e-6);
  ASSERT_EQ(r.top.size(), 3U);
  EXPECT_EQ(r.top[0].id, 1);
  EXPECT_EQ(r.top[1].id, 2);
  EXPECT_EQ(r.top[2].id, 0);
  EXPECT_NEAR(r.top[0].log_prob, 2 - log_sum, 1e-6);
  EXPECT_NEAR(r.top[2].log_prob, 1 - log_sum, 1e-6);
  EXPECT_TRUE(Sampler({.log_probs = 0}, 5).sample(x, history_after({0}), RandomStream(0), workspace).top.empty());
  const SampleResult all = Sampler({.log_probs = 5}, 5).sample(x, history_after({0}), RandomStream(0), workspace);
  ASSERT_EQ(all.top.size(), 5U);
  EXPECT_EQ(all.top[4].log_prob, -kInfinity);
}

TEST(Sampler, ADrawDependsOnSeedSequenceAndStepOnly) {
  const std::vector<float> x = logits_of(500, 3, 1), other = logits_of(900, 4, 2);
  const Sampler sampler({.temperature = 1, .top_p = 0.95}, 500), neighbour({.temperature = 1.5}, 900);
  SamplerWorkspace shared, own;
  std::int64_t differs = 0;
  for (std::int32_t step = 0; step < 50; ++step) {
    const SequenceHistory history = history_after({1, 2}, std::vector<std::int32_t>(static_cast<std::size_t>(step), 5));
    neighbour.sample(other, history, RandomStream(9), shared);
    const std::int32_t id = sampler.sample(x, history, RandomStream(42, 1), shared).id;
    EXPECT_EQ(id, sampler.sample(x, history, RandomStream(42, 1), own).id);
    differs += id != sampler.sample(x, history, RandomStream(42, 2), own).id ? 1 : 0;
  }
  EXPECT_GT(differs, 40);
}

TEST(Sampler, DrawsFollowTheDistribution) {
  SamplerWorkspace workspace;
  const std::vector<float> x = logits_of(40, 11, 1);
  const Sampler sampler({.temperature = 1.2, .top_k = 24, .min_p = 0.02}, 40);
  const std::span<const Candidate> kept = sampler.distribution(x, history_after({0}), workspace);
  const std::vector<Candidate> expected(kept.begin(), kept.end());
  ASSERT_GE(expected.size(), 15U);
  constexpr std::int64_t kDraws = 20000;
  std::vector<std::int64_t> counts(40);
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    const auto id = sampler.sample(x, history_after({0}), RandomStream(seed), workspace).id;
    ++counts[static_cast<std::size_t>(id)];
  }
  double chi_squared = 0;
  std::int64_t drawn = 0;
  for (const Candidate& c : expected) {
    const double wanted = static_cast<double>(c.probability) * kDraws;
    const auto got = counts[static_cast<std::size_t>(c.id)];
    chi_squared += (static_cast<double>(got) - wanted) * (static_cast<double>(got) - wanted) / wanted;
    drawn += got;
  }
  EXPECT_EQ(drawn, kDraws) << "a token outside the distribution was drawn";
  // Mean and standard deviation of chi squared with f degrees of freedom are f and sqrt(2 f).
  const auto freedom = static_cast<double>(expected.size() - 1);
  EXPECT_LT(std::fabs(chi_squared - freedom), 3 * std::sqrt(2 * freedom)) << chi_squared << " with " << freedom;
}

// The same rules with everything sorted, in double precision.
std::vector<std::int32_t> sorted_reference(const SamplingSpec& s, const std::vector<float>& logits) {
  struct Token {
    std::int32_t id;
    double score, key, p;
  };
  std::vector<Token> t;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double score = logits[i] / static_cast<float>(s.temperature);
    t.push_back({static_cast<std::int32_t>(i), score, score, 0});
  }
  const auto order = [&t] {
    std::sort(t.begin(), t.end(),
              [](const Token& a, const Token& b) { return a.key != b.key ? a.key < b.key : a.id < b.id; });
  };
  const auto softmax = [&t] {
    double sum = 0, largest = -kInfinity;
    for (const Token& c : t) largest = std::max(largest, c.score);
    for (Token& c : t) sum += c.p = std::exp(c.score - largest);
    for (Token& c : t) c.p /= sum;
  };
  order();
  if (s.top_k > 0) t.erase(t.begin(), t.end() - s.top_k);
  softmax();
  std::size_t drop = 0;
  for (double sum = 0; drop + 1 < t.size() && (sum += t[drop].p) <= 1 - s.top_p;) ++drop;
  t.erase(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(s.top_p < 1 ? drop : 0));
  softmax();
  const double least = s.min_p * t.back().p;
  std::erase_if(t, [&](const Token& c) { return c.p < least; });
  softmax();
  double entropy = 0;
  for (const Token& c : t) entropy -= c.p * std::log(c.p);
  for (Token& c : t) c.key = std::fabs(-std::log(c.p) - entropy);
  order();
  std::size_t keep = 0;
  for (double sum = 0; keep + 1 < t.size() && (sum += t[keep].p) < s.typical_p;) ++keep;
  if (s.typical_p < 1) t.resize(keep + 1);
  std::vector<std::int32_t> ids;
  for (const Token& c : t) ids.push_back(c.id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

TEST(Sampler, SelectionAgreesWithSorting) {
  SamplerWorkspace workspace;
  const std::vector<SamplingSpec> specs{
      {.temperature = 1, .top_k = 50},
      {.temperature = 1, .top_k = 5000},
      {.temperature = 0.7, .top_p = 0.9},
      {.temperature = 3, .top_p = 0.99},
      {.temperature = 1, .top_p = 0.001},
      {.temperature = 1, .min_p = 0.05},
      {.temperature = 1, .typical_p = 0.2},
      {.temperature = 2, .typical_p = 0.95},
      {.temperature = 0.8, .top_k = 1000, .top_p = 0.95, .min_p = 0.001, .typical_p = 0.9},
  };
  for (const float scale : {0.1F, 2.0F, 6.0F}) {
    const std::vector<float> x = logits_of(20000, 5, scale);
    for (std::size_t i = 0; i < specs.size(); ++i) {
      std::vector<std::int32_t> ids;
      const Sampler sampler(specs[i], 20000);
      for (const Candidate& c : sampler.distribution(x, history_after({}), workspace)) ids.push_back(c.id);
      const std::vector<std::int32_t> expected = sorted_reference(specs[i], x);
      // f32 sums may put the edge one or two tokens away.
      std::vector<std::int32_t> difference;
      std::set_symmetric_difference(ids.begin(), ids.end(), expected.begin(), expected.end(),
                                    std::back_inserter(difference));
      EXPECT_LE(difference.size(), 2 + expected.size() / 1000)
          << "spec " << i << ", scale " << scale << ": " << ids.size() << " kept, wanted " << expected.size();
    }
  }
}

TEST(Sampler, ReusesItsMemory) {
  SamplerWorkspace w;
  const std::vector<float> x = logits_of(2000, 8, 2);
  const Sampler sampler({.temperature = 0.9, .top_p = 0.9, .typical_p = 0.9, .presence_penalty = 1}, 2000);
  SequenceHistory history({}, 40);
  const std::int32_t* const ids = history.ids().data();
  history.append(sampler.sample(x, history, RandomStream(1), w).id);
  const float* const scores = w.scores.data();
  const Candidate *const candidates = w.candidates.data(), *const order = w.order.data();
  for (int i = 1; i < 40; ++i) history.append(sampler.sample(x, history, RandomStream(1), w).id);
  EXPECT_EQ(history.ids().data(), ids);
  EXPECT_EQ(w.scores.data(), scores);
  EXPECT_EQ(w.candidates.data(), candidates);
  EXPECT_EQ(w.order.data(), order);
}

TEST(KthLargest, AgreesWithSorting) {
  std::vector<float> scratch;
  for (const std::int64_t n : {1, 2, 63, 64, 65, 200, 3000}) {
    std::vector<float> x = logits_of(n, static_cast<std::uint64_t>(n), 1);
    for (std::size_t i = 0; i < x.size(); i += 3) x[i] = std::round(x[i]);
    for (std::size_t i = 1; i < x.size(); i += 7) x[i] = -kInfinity;
    std::vector<float> sorted = x;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    for (const std::int64_t k : {std::int64_t{1}, n / 2, n - 1, n}) {
      if (k == 0) continue;
      EXPECT_EQ(kth_largest(x, k, scratch), sorted[static_cast<std::size_t>(k - 1)]) << k << " of " << n;
    }
  }
}

}  // namespace
}  // namespace ttt
