#include "runtime/engine/prompt_lookup.h"

#include <algorithm>

namespace ttt {
namespace {

constexpr double kForget = 0.98;            // weight of a step in that of the next one
constexpr double kUnknownRatio = 1.0 / 16;  // of b to a, until steps of different sizes have told it
constexpr double kLearn = 0.1;              // weight of the latest guesses
constexpr std::int64_t kRetry = 32;         // steps without guesses before another try

}  // namespace

std::uint64_t PromptLookup::hash_of(std::span<const std::int32_t> ids) const {
  return hash_({reinterpret_cast<const char*>(ids.data()), ids.size_bytes()});
}

void PromptLookup::index(std::span<const std::int32_t> ids) {
  for (; indexed_ < static_cast<std::int64_t>(ids.size()); ++indexed_) {
    for (std::int64_t n = kShortest; n <= std::min(kLongest, indexed_); ++n) {
      const auto tokens = ids.subspan(static_cast<std::size_t>(indexed_ - n), static_cast<std::size_t>(n));
      after_[static_cast<std::size_t>(n)][hash_of(tokens)] = indexed_;
    }
  }
}

std::span<const std::int32_t> PromptLookup::guess(std::span<const std::int32_t> ids, std::int64_t most) {
  index(ids);
  const auto length = static_cast<std::int64_t>(ids.size());
  for (std::int64_t n = std::min(kLongest, length); n >= kShortest; --n) {
    const auto tokens = ids.last(static_cast<std::size_t>(n));
    const auto& after = after_[static_cast<std::size_t>(n)];
    const auto found = after.find(hash_of(tokens));
    if (found == after.end()) continue;
    const auto begin = static_cast<std::size_t>(found->second);
    if (!std::ranges::equal(ids.subspan(begin - static_cast<std::size_t>(n), static_cast<std::size_t>(n)), tokens)) {
      continue;
    }
    return ids.subspan(begin, static_cast<std::size_t>(std::min(most, length - found->second)));
  }
  return {};
}

void StepCost::add(std::int64_t rows, double seconds) {
  const auto r = static_cast<double>(rows);
  for (double* sum : {&weight_, &rows_, &squares_, &seconds_, &products_}) *sum *= kForget;
  weight_ += 1;
  rows_ += r;
  squares_ += r * r;
  seconds_ += seconds;
  products_ += r * seconds;
}

double StepCost::break_even(std::int64_t rows) const {
  const auto r = static_cast<double>(rows);
  double ratio = kUnknownRatio;
  const double spread = weight_ * squares_ - rows_ * rows_;
  if (spread > 0.01 * weight_ * weight_) {
    const double slope = (weight_ * products_ - rows_ * seconds_) / spread;
    const double begin = (seconds_ - slope * rows_) / weight_;
    if (slope <= 0) return 0;
    if (begin <= 0) return 1;
    ratio = slope / begin;
  }
  return r * ratio / (1 + r * ratio);
}

std::int64_t GuessLength::next(std::int64_t most, double break_even) {
  if (right_ > break_even) {
    skipped_ = 0;
    return std::min(most, length_);
  }
  if (++skipped_ < kRetry) return 0;
  skipped_ = 0;
  return std::min<std::int64_t>(most, 2);
}

void GuessLength::add(std::int64_t guessed, std::int64_t right) {
  if (guessed == 0) return;
  right_ += kLearn * (static_cast<double>(right) / static_cast<double>(guessed) - right_);
  length_ = right == guessed ? std::max(length_, 2 * guessed) : right + 1;
}

}  // namespace ttt
