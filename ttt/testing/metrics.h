#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace ttt {

// Measures of the difference between `b` (the result) and `a` (the reference), in double precision. Both spans must
// have the same size: Error{kUsage} naming the measure and both sizes otherwise.
//
// A NaN on either side or both never counts as agreement: distances are then +infinity, similarities NaN (no
// comparison with a bound holds). Equal infinities are equal.

// max over i of |a[i] - b[i]|; 0 when empty.
double max_abs_error(std::span<const float> a, std::span<const float> b);

// max over i of |a[i] - b[i]| / max |a|; 0 when all are equal, +infinity when only `a` is all zero or `a` has
// infinities.
double max_relative_error(std::span<const float> a, std::span<const float> b);

// Pearson's correlation: sum (a - mean a)(b - mean b) / sqrt(sum (a - mean a)^2 sum (b - mean b)^2).
// Where a side is constant (or empty): 1 when the two are equal, else 0. NaN with infinities.
double pcc(std::span<const float> a, std::span<const float> b);

// a.b / (|a| |b|). Where a side is all zero: 1 when both are, else 0. NaN with infinities.
double cosine(std::span<const float> a, std::span<const float> b);

// Kullback-Leibler divergence, in nats, of the distributions of two rows of logits:
//   sum p (log p - log q),  p = softmax(a), q = softmax(b)
// A term with p = 0 is 0; q = 0 where p > 0 is +infinity, and so is a row without a finite maximum.
double kl_divergence(std::span<const float> a, std::span<const float> b);

// Mean of kl_divergence over rows of `vocab` logits; 0 without rows. Error{kUsage} unless vocab divides the size.
double mean_kl_divergence(std::span<const float> a, std::span<const float> b, std::int64_t vocab);

// Share of rows of `vocab` logits whose largest has the same index (of equal ones the lowest); rows with NaN disagree.
// 1 without rows. Error{kUsage} unless vocab divides the size.
double top1_agreement(std::span<const float> a, std::span<const float> b, std::int64_t vocab);

// The first i with |a[i] - b[i]| > tolerance; nothing when there is none.
std::optional<std::int64_t> first_divergence(std::span<const float> a, std::span<const float> b, double tolerance = 0);
// The first index at which two token sequences differ; the end of the shorter counts. Sizes may differ.
std::optional<std::int64_t> first_divergence(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

}  // namespace ttt
