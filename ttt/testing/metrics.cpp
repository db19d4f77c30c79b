#include "testing/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "base/error.h"

namespace ttt {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void same_size(std::span<const float> a, std::span<const float> b, std::string_view measure) {
  require(a.size() == b.size(), ErrorKind::kUsage, measure, " wanted as many values on both sides, got ", a.size(),
          " and ", b.size());
}

std::size_t rows_in(std::span<const float> a, std::span<const float> b, std::int64_t vocab, std::string_view measure) {
  same_size(a, b, measure);
  const auto size = static_cast<std::int64_t>(a.size());
  require(vocab > 0 && size % vocab == 0, ErrorKind::kUsage, measure, " wanted whole rows of ", vocab, " logits, got ",
          size);
  return static_cast<std::size_t>(size / vocab);
}

double distance(double a, double b) {
  if (a == b) return 0;  // equal infinities too
  const double d = std::fabs(a - b);
  return std::isnan(d) ? kUnbounded : d;
}

bool finite(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

double mean(std::span<const float> x) {
  double sum = 0;
  for (const float v : x) sum += v;
  return x.empty() ? 0 : sum / static_cast<double>(x.size());
}

bool constant(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [&](float v) { return v == x.front(); });
}

// sum (a - ma)(b - mb) / sqrt(sum (a - ma)^2 sum (b - mb)^2)
double normalized_product(std::span<const float> a, double ma, std::span<const float> b, double mb) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i] - ma, y = b[i] - mb;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  // Squares of f32 are far from the ends of the range; one root makes equal sides exactly 1.
  return std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

// log sum exp; NaN when there is no finite maximum.
double log_sum_exp(std::span<const float> x) {
  double largest = -kUnbounded, sum = 0;
  for (const float v : x) largest = v > largest || std::isnan(v) ? v : largest;
  for (const float v : x) sum += std::exp(v - largest);
  return std::isfinite(largest) ? largest + std::log(sum) : kNaN;
}

// -1 when there is a NaN.
std::ptrdiff_t argmax(std::span<const float> x) {
  if (std::any_of(x.begin(), x.end(), [](float v) { return std::isnan(v); })) return -1;
  return std::max_element(x.begin(), x.end()) - x.begin();
}

}  // namespace

double max_abs_error(std::span<const float> a, std::span<const float> b) {
  same_size(a, b, "max_abs_error");
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, distance(a[i], b[i]));
  return largest;
}

double max_relative_error(std::span<const float> a, std::span<const float> b) {
  const double error = max_abs_error(a, b);
  double magnitude = 0;
  for (const float v : a) magnitude = std::max(magnitude, std::fabs(double{v}));
  if (error == 0) return 0;
  return std::isinf(magnitude) || magnitude == 0 ? kUnbounded : error / magnitude;
}

double pcc(std::span<const float> a, std::span<const float> b) {
  same_size(a, b, "pcc");
  if (!finite(a) || !finite(b)) return kNaN;
  if (a.empty() || constant(a) || constant(b)) return std::equal(a.begin(), a.end(), b.begin()) ? 1 : 0;
  return normalized_product(a, mean(a), b, mean(b));
}

double cosine(std::span<const float> a, std::span<const float> b) {
  same_size(a, b, "cosine");
  if (!finite(a) || !finite(b)) return kNaN;
  const auto zero = [](std::span<const float> x) {
    return std::all_of(x.begin(), x.end(), [](float v) { return v == 0; });
  };
  if (zero(a) || zero(b)) return zero(a) && zero(b) ? 1 : 0;
  return normalized_product(a, 0, b, 0);
}

double kl_divergence(std::span<const float> a, std::span<const float> b) {
  same_size(a, b, "kl_divergence");
  if (a.empty()) return 0;
  const double log_a = log_sum_exp(a), log_b = log_sum_exp(b);
  if (std::isnan(log_a) || std::isnan(log_b)) return kUnbounded;
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double log_p = a[i] - log_a, log_q = b[i] - log_b, p = std::exp(log_p);
    if (p > 0) sum += p * (log_p - log_q);
  }
  return std::max(sum, 0.0);
}

double mean_kl_divergence(std::span<const float> a, std::span<const float> b, std::int64_t vocab) {
  const std::size_t rows = rows_in(a, b, vocab, "mean_kl_divergence"), width = static_cast<std::size_t>(vocab);
  double sum = 0;
  for (std::size_t r = 0; r < rows; ++r) sum += kl_divergence(a.subspan(r * width, width), b.subspan(r * width, width));
  return rows == 0 ? 0 : sum / static_cast<double>(rows);
}

double top1_agreement(std::span<const float> a, std::span<const float> b, std::int64_t vocab) {
  const std::size_t rows = rows_in(a, b, vocab, "top1_agreement"), width = static_cast<std::size_t>(vocab);
  std::size_t same = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    const std::ptrdiff_t i = argmax(a.subspan(r * width, width));
    same += i >= 0 && i == argmax(b.subspan(r * width, width)) ? 1 : 0;
  }
  return rows == 0 ? 1 : static_cast<double>(same) / static_cast<double>(rows);
}

std::optional<std::int64_t> first_divergence(std::span<const float> a, std::span<const float> b, double tolerance) {
  same_size(a, b, "first_divergence");
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (distance(a[i], b[i]) > tolerance) return static_cast<std::int64_t>(i);
  }
  return std::nullopt;
}

std::optional<std::int64_t> first_divergence(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  const std::int64_t i = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
  if (a.size() == b.size() && i == static_cast<std::int64_t>(a.size())) return std::nullopt;
  return i;
}

}  // namespace ttt
