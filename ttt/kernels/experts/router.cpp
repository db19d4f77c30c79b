#include "kernels/experts/router.h"

#include <cmath>
#include <limits>

#include "base/enum_names.h"

namespace ttt {
namespace {

constexpr EnumNames<4> kScoreNames{"softmax", "sigmoid", "sqrt_softplus", "logit"};
constexpr EnumNames<3> kWeightNames{"score", "softmax_of_selected", "sparse_mixer"};

}  // namespace

std::string_view name_of(RouterScore score) { return name_in(kScoreNames, score); }
std::string_view name_of(RouterWeight weight) { return name_in(kWeightNames, weight); }

namespace kernels {
namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

// The k largest of n values, largest first, of equal ones the lower index first.
void find_largest(const float* values, std::int64_t n, std::int64_t k, float* best, std::int32_t* index) {
  std::int64_t filled = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = std::isnan(values[i]) ? kLowest : values[i];
    if (filled == k && !(v > best[k - 1])) continue;
    std::int64_t at = filled < k ? filled++ : k - 1;
    for (; at > 0 && v > best[at - 1]; --at) {
      best[at] = best[at - 1];
      index[at] = index[at - 1];
    }
    best[at] = v;
    index[at] = static_cast<std::int32_t>(i);
  }
}

// values[index[i]] or, without an index, values[i], as shares of e^x.
template <class At>
void softmax(std::int64_t n, const At& at, float* y) {
  float largest = kLowest, sum = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = at(i) > largest || std::isnan(at(i)) ? at(i) : largest;
  for (std::int64_t i = 0; i < n; ++i) sum += y[i] = std::exp(at(i) - largest);
  for (std::int64_t i = 0; i < n; ++i) y[i] /= sum;
}

float sigmoid(float x) {
  const float e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}
float softplus(float x) { return std::fmax(x, 0.0f) + std::log1p(std::exp(-std::abs(x))); }

void score_row(RouterScore rule, const float* logits, std::int64_t n, float* scores) {
  switch (rule) {
    case RouterScore::kSoftmax:
      return softmax(
          n, [&](std::int64_t i) { return logits[i]; }, scores);
    case RouterScore::kSigmoid:
      for (std::int64_t i = 0; i < n; ++i) scores[i] = sigmoid(logits[i]);
      return;
    case RouterScore::kSqrtSoftplus:
      // max(NaN, 0) is 0; the logarithm keeps the NaN.
      for (std::int64_t i = 0; i < n; ++i) scores[i] = std::sqrt(softplus(logits[i]));
      return;
    case RouterScore::kLogit:
      for (std::int64_t i = 0; i < n; ++i) scores[i] = logits[i];
      return;
  }
}

// Takes the experts of the groups that are not used out of the choice.
void limit_groups(const RouterRule& rule, std::int64_t n, float* keys, float* best, std::int32_t* index) {
  const std::int64_t size = n / rule.groups;
  // Sums lie behind the lists of the largest: no list is longer than a group or than the number of groups.
  float* sums = best + (size > rule.groups ? size : rule.groups);
  for (std::int64_t g = 0; g < rule.groups; ++g) {
    find_largest(keys + g * size, size, rule.group_top, best, index);
    sums[g] = 0;
    for (std::int64_t i = 0; i < rule.group_top; ++i) sums[g] += best[i];
  }
  find_largest(sums, rule.groups, rule.groups_used, best, index);
  for (std::int64_t g = 0; g < rule.groups; ++g) {
    bool used = false;
    for (std::int64_t i = 0; i < rule.groups_used; ++i) used = used || index[i] == g;
    for (std::int64_t i = g * size; !used && i < (g + 1) * size; ++i) keys[i] = kLowest;
  }
}

std::int32_t table_entry(const RouteArgs& args, std::int64_t row, std::int64_t slot) {
  const std::int64_t id = args.ids[static_cast<std::size_t>(row)], experts = args.logits.dim(1);
  const std::int64_t e = args.table.format == Format::kI64 ? args.table.row<std::int64_t>(id)[slot]
                                                           : args.table.row<std::int32_t>(id)[slot];
  return e >= 0 && e < experts ? static_cast<std::int32_t>(e) : -1;
}

// The weight of chosen expert number i by RouterWeight::kSparseMixer.
float sparse_mixer_weight(const RouteArgs& args, const float* logits, const std::int32_t* experts, std::int64_t i) {
  const float own = logits[experts[i]];
  float sum = 0;
  for (std::int32_t e = 0; e < args.logits.dim(1); ++e) {
    bool before = false;
    for (std::int64_t j = 0; j < i; ++j) before = before || experts[j] == e;
    const float size = std::abs(logits[e]) < own ? own : std::abs(logits[e]);
    if (!before && !((own - logits[e]) / size > args.rule.tolerance)) sum += std::exp(logits[e] - own);
  }
  return 1 / sum;
}

void weigh_row(const RouteArgs& args, const float* logits, const float* scores, const std::int32_t* experts, float* w) {
  const RouterRule& rule = args.rule;
  const auto at = [&](const float* values, std::int64_t i) { return experts[i] < 0 ? 0.0f : values[experts[i]]; };
  if (rule.weight == RouterWeight::kSoftmaxOfSelected) {
    softmax(
        rule.top_k, [&](std::int64_t i) { return at(logits, i); }, w);
  } else if (rule.weight == RouterWeight::kSparseMixer) {
    for (std::int64_t i = 0; i < rule.top_k; ++i)
      w[i] = experts[i] < 0 ? 0 : sparse_mixer_weight(args, logits, experts, i);
  } else {
    for (std::int64_t i = 0; i < rule.top_k; ++i) w[i] = at(scores, i);
  }
  float sum = 0;
  for (std::int64_t i = 0; i < rule.top_k; ++i) sum += w[i];
  const float divisor = rule.renormalise ? (sum < rule.sum_floor ? rule.sum_floor : sum) : 1.0f;
  const float* scale = args.expert_scale ? args.expert_scale.row<float>(0) : nullptr;
  for (std::int64_t i = 0; i < rule.top_k; ++i) {
    w[i] = w[i] / divisor * rule.routed_scale;
    if (scale != nullptr) w[i] *= at(scale, i);
    if (experts[i] < 0) w[i] = 0;
  }
}

void route_row(const RouteArgs& args, std::int64_t r) {
  const std::int64_t n = args.logits.dim(1), k = args.rule.top_k;
  float* logits = args.logits.row<float>(r);
  float *scores = args.work.row<float>(r), *keys = scores + n, *best = keys + n;
  std::int32_t* experts = args.experts + r * k;
  for (std::int64_t i = 0; i < n; ++i) {
    logits[i] = logits[i] * args.rule.logit_scale + (args.bias ? args.bias.row<float>(0)[i] : 0.0f);
  }
  score_row(args.rule.score, logits, n, scores);
  if (args.table) {
    for (std::int64_t i = 0; i < k; ++i) experts[i] = table_entry(args, r, i);
  } else {
    const float* bias = args.selection_bias ? args.selection_bias.row<float>(0) : nullptr;
    for (std::int64_t i = 0; i < n; ++i) keys[i] = bias == nullptr ? scores[i] : scores[i] + bias[i];
    auto* index = reinterpret_cast<std::int32_t*>(best + 2 * n);
    if (args.rule.groups > 1) limit_groups(args.rule, n, keys, best, index);
    find_largest(keys, n, k, best, experts);
  }
  weigh_row(args, logits, scores, experts, args.weights + r * k);
}

}  // namespace

void route(Exec& exec, const RouteArgs& args) noexcept {
  exec.threads.parallel_for(args.logits.dim(0), [&](std::int64_t r) { route_row(args, r); });
}

double operations(const RouteArgs& args) { return 8.0 * static_cast<double>(args.logits.shape.elements()); }
double bytes(const RouteArgs& args) { return 16.0 * static_cast<double>(args.logits.shape.elements()); }

}  // namespace kernels
}  // namespace ttt
