#include "sampling/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

#include "base/error.h"
#include "base/numerical_error.h"

namespace ttt {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// exp of less is 0 in f32.
constexpr float kNegligible = -104;

// The largest value; NaN when there is a NaN or a +infinity.
float largest_of(std::span<const float> x) {
  float largest = -kInfinity;
  bool ok = true;
  for (const float v : x) {
    largest = v > largest ? v : largest;
    ok &= v < kInfinity;
  }
  return ok ? largest : std::numeric_limits<float>::quiet_NaN();
}

std::string step_of(const SequenceHistory& history) {
  return text("at step ", history.generated(), " (position ", history.size(), ") ");
}

// Checked before bias and penalties, which may then only add -infinity.
float checked_largest(std::span<const float> logits, const SequenceHistory& history) {
  const float largest = largest_of(logits);
  if (std::isnan(largest)) {
    const auto bad = std::find_if(logits.begin(), logits.end(), [](float v) { return !(v < kInfinity); });
    fail_numerically(text(step_of(history), "the logit of id ", bad - logits.begin(), " is ", *bad));
  }
  if (!(largest > -kInfinity)) fail_numerically(step_of(history) + "all logits are -inf");
  return largest;
}

Candidate only(std::span<const float> scores, float largest) {
  const auto at = std::find(scores.begin(), scores.end(), largest);
  return {static_cast<std::int32_t>(at - scores.begin()), largest, 1};
}

void collect(std::span<const float> scores, float least, std::vector<Candidate>& candidates) {
  candidates.clear();
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] >= least) candidates.push_back({static_cast<std::int32_t>(i), scores[i], 0});
  }
}

const Candidate& drawn(std::span<const Candidate> candidates, double uniform) {
  double total = 0;
  for (const Candidate& c : candidates) total += c.probability;
  const double target = uniform * total;
  const Candidate* last = &candidates.front();
  double sum = 0;
  for (const Candidate& c : candidates) {
    if (c.probability == 0) continue;
    last = &c;
    sum += c.probability;
    if (target < sum) break;
  }
  return *last;
}

void add_log_probs(std::span<const float> logits, std::int64_t count, SamplerWorkspace& w, SampleResult& result) {
  const float largest = largest_of(logits);
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  const double log_sum = largest + std::log(sum);
  result.log_prob = logits[static_cast<std::size_t>(result.id)] - log_sum;
  if (count == 0) return;
  collect(logits, kth_largest(logits, count, w.selection), w.order);
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  };
  const auto end = w.order.begin() + count;
  std::partial_sort(w.order.begin(), end, w.order.end(), likelier);
  for (auto i = w.order.begin(); i != end; ++i) result.top.push_back({i->id, i->score - log_sum});
}

void exclude(const TokenFilter& filter, std::span<float> scores) {
  for (std::size_t word = 0; word < filter.allowed.size(); ++word) {
    std::uint32_t refused = ~filter.allowed[word];
    for (; refused != 0; refused &= refused - 1) {
      const std::size_t id = 32 * word + static_cast<std::size_t>(std::countr_zero(refused));
      if (id >= scores.size()) break;
      scores[id] = -kInfinity;
    }
  }
  for (const std::int32_t id : filter.excluded) {
    if (static_cast<std::size_t>(id) < scores.size()) scores[static_cast<std::size_t>(id)] = -kInfinity;
  }
}

}  // namespace

SampleResult log_probs_of(std::span<const float> logits, std::int32_t id, std::int64_t count, SamplerWorkspace& w) {
  const float largest = largest_of(logits);
  if (!std::isfinite(largest)) fail_numerically(text("the largest logit is ", largest));
  SampleResult result{.id = id};
  add_log_probs(logits, count, w, result);
  return result;
}

float kth_largest(std::span<const float> values, std::int64_t k, std::vector<float>& scratch) {
  const auto keep = static_cast<std::size_t>(k);
  const std::size_t room = std::min(values.size(), 2 * keep + 64);
  scratch.clear();
  scratch.reserve(room);
  // At least k values seen so far are not below it; smaller ones cannot matter any more.
  float least = -kInfinity;
  const auto shrink = [&] {
    const auto kth = scratch.begin() + (k - 1);
    std::nth_element(scratch.begin(), kth, scratch.end(), std::greater<>());
    least = *kth;
    scratch.resize(keep);
  };
  for (const float v : values) {
    if (v < least) continue;
    if (scratch.size() == room) shrink();
    scratch.push_back(v);
  }
  shrink();
  return least;
}

Sampler::Sampler(const SamplingSpec& spec, std::int64_t vocab) : vocab_(vocab), penalties_(spec) {
  require(vocab > 0, ErrorKind::kUsage, "sampling: the vocabulary wanted at least 1 token, got ", vocab);
  validate(spec, vocab);
  plan_ = {.truncation = Truncation(spec),
           .temperature = static_cast<float>(spec.temperature),
           .greedy = spec.temperature == 0,
           .log_probs = spec.log_probs.value_or(-1)};
}

std::span<const Candidate> Sampler::distribution(std::span<const float> logits, const SequenceHistory& history,
                                                 SamplerWorkspace& w, const TokenFilter& filter) const {
  require(static_cast<std::int64_t>(logits.size()) == vocab_, ErrorKind::kInternal, "sampling: wanted ", vocab_,
          " logits, got ", logits.size());
  float largest = checked_largest(logits, history);
  std::span<const float> scores = logits;
  if (!penalties_.none() || !filter.allowed.empty() || !filter.excluded.empty()) {
    w.scores.assign(logits.begin(), logits.end());
    penalties_.apply(w.scores, history);
    exclude(filter, w.scores);
    scores = w.scores;
    largest = largest_of(scores);
    if (std::isnan(largest)) fail_numerically(step_of(history) + "penalties make a score infinite");
    require(largest > -kInfinity, ErrorKind::kUsage,
            "sampling: logit_bias, penalties and bad_words exclude every token",
            filter.allowed.empty() && filter.excluded.empty() ? "" : " that may follow here");
  }
  w.candidates.clear();
  if (plan_.greedy) {
    w.candidates.push_back(only(scores, largest));
    return w.candidates;
  }
  if (plan_.temperature != 1) {
    // Every score, not just those kept: rounding here makes ties that top_k then keeps.
    w.scores.resize(scores.size());
    std::transform(scores.begin(), scores.end(), w.scores.begin(), [t = plan_.temperature](float x) { return x / t; });
    scores = w.scores;
    largest /= plan_.temperature;
    if (!std::isfinite(largest)) fail_numerically(step_of(history) + "temperature makes a score infinite");
  }
  float least = std::max(largest + kNegligible, std::numeric_limits<float>::lowest());
  const std::int64_t top_k = plan_.truncation.top_k();
  if (top_k > 0 && top_k < vocab_) least = std::max(least, kth_largest(scores, top_k, w.selection));
  collect(scores, least, w.candidates);
  plan_.truncation.apply(w.candidates, w.order);
  return w.candidates;
}

SampleResult Sampler::sample(std::span<const float> logits, const SequenceHistory& history, const RandomStream& random,
                             SamplerWorkspace& workspace, const TokenFilter& filter) const {
  const std::span<const Candidate> candidates = distribution(logits, history, workspace, filter);
  SampleResult result;
  result.id = plan_.greedy ? candidates.front().id : drawn(candidates, random.uniform(history.generated())).id;
  if (plan_.log_probs >= 0) add_log_probs(logits, plan_.log_probs, workspace, result);
  return result;
}

}  // namespace ttt
