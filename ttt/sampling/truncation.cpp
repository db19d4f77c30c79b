#include "sampling/truncation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace ttt {
namespace {

using Iterator = std::vector<Candidate>::iterator;

// Sets the probabilities to the softmax of the scores; returns log of the sum of exp(score - largest).
float softmax(std::vector<Candidate>& candidates) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const Candidate& c : candidates) largest = std::max(largest, c.score);
  double sum = 0;
  for (Candidate& c : candidates) {
    c.probability = std::exp(c.score - largest);
    sum += c.probability;
  }
  const auto total = static_cast<float>(sum);
  for (Candidate& c : candidates) c.probability /= total;
  return std::log(total);
}

// In the order given, how many items have a running sum of probabilities, their own and `sum` included, that is below
// the bound. On return everything before that place comes first, and the item at that place, if any, is there. Expected
// time linear in the number of items: each half is settled by its sum alone.
template <class Less, class Below>
Iterator count_below(Iterator begin, Iterator end, double sum, Less less, Below below) {
  constexpr std::ptrdiff_t kFew = 64;
  while (end - begin > kFew) {
    const Iterator middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, less);
    double half = sum;
    for (Iterator i = begin; i != middle; ++i) half += i->probability;
    if (below(static_cast<float>(half))) {
      sum = half;
      begin = middle;
    } else {
      end = middle;
    }
  }
  std::sort(begin, end, less);
  for (; begin != end; ++begin) {
    sum += begin->probability;
    if (!below(static_cast<float>(sum))) break;
  }
  return begin;
}

bool by_score(const Candidate& a, const Candidate& b) { return a.score != b.score ? a.score < b.score : a.id < b.id; }

}  // namespace

Truncation::Truncation(const SamplingSpec& spec)
    : top_k_(spec.top_k), top_p_(spec.top_p), typical_p_(spec.typical_p), min_p_(static_cast<float>(spec.min_p)) {}

void Truncation::apply(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const {
  softmax(candidates);
  if (top_p_ < 1) keep_top_p(candidates, order);
  if (min_p_ > 0) keep_min_p(candidates);
  if (typical_p_ < 1) keep_typical(candidates, order);
}

void Truncation::keep_top_p(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const {
  const auto bound = static_cast<float>(1 - top_p_);
  // All tokens this small together stay below the bound by half, so they go without being put in order. What is left of
  // a peaked distribution over a large vocabulary is little.
  const float negligible = 0.5F * bound / static_cast<float>(candidates.size());
  double sum = 0;
  order.clear();
  for (const Candidate& c : candidates) {
    if (c.probability < negligible) {
      sum += c.probability;
    } else {
      order.push_back(c);
    }
  }
  const Iterator first = count_below(order.begin(), order.end(), sum, by_score, [=](float s) { return s <= bound; });
  // At the end, all of the last stretch is sorted, and the largest is the last.
  const Candidate least = first == order.end() ? order.back() : *first;
  std::erase_if(candidates, [&](const Candidate& c) { return by_score(c, least); });
  softmax(candidates);
}

void Truncation::keep_min_p(std::vector<Candidate>& candidates) const {
  float largest = 0;
  for (const Candidate& c : candidates) largest = std::max(largest, c.probability);
  const float least = min_p_ * largest;
  std::erase_if(candidates, [=](const Candidate& c) { return c.probability < least; });
  softmax(candidates);
}

void Truncation::keep_typical(std::vector<Candidate>& candidates, std::vector<Candidate>& order) const {
  const float log_sum = softmax(candidates);
  float largest = -std::numeric_limits<float>::infinity();
  for (const Candidate& c : candidates) largest = std::max(largest, c.score);
  const auto log_probability = [=](float score) { return (score - largest) - log_sum; };
  double sum = 0;
  for (const Candidate& c : candidates) {
    const float l = log_probability(c.score);
    sum -= l * std::exp(l);
  }
  const auto entropy = static_cast<float>(sum);
  const auto shift = [=](float score) { return std::fabs(-log_probability(score) - entropy); };

  // In `order`, a score is the distance from the entropy.
  order = candidates;
  for (Candidate& c : order) c.score = shift(c.score);
  const auto bound = static_cast<float>(typical_p_);
  const Iterator at = count_below(order.begin(), order.end(), 0, by_score, [=](float s) { return s < bound; });
  const float furthest = at == order.end() ? order.back().score : at->score;
  std::erase_if(candidates, [=](const Candidate& c) { return shift(c.score) > furthest; });
  softmax(candidates);
}

}  // namespace ttt
