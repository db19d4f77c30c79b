#include "testing/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ttt::reference {

Row rms_norm(const Row& x, const Row& w, double eps, double offset) {
  double square = 0;
  for (const double v : x) square += v * v;
  const double inverse = 1 / std::sqrt(square / static_cast<double>(x.size()) + eps);
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * inverse * (w.empty() ? 1.0 : offset + w[i]);
  return y;
}

Row layer_norm(const Row& x, const Row& w, const Row& b, double eps) {
  const double n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = (x[i] - mean) / std::sqrt(variance + eps) * (w.empty() ? 1 : w[i]) + (b.empty() ? 0 : b[i]);
  }
  return y;
}

Row linear(const Row& x, const Row& w, const Row& b, std::int64_t out) {
  Row y(static_cast<std::size_t>(out));
  for (std::size_t o = 0; o < y.size(); ++o) {
    y[o] = b.empty() ? 0.0 : b[o];
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
  }
  return y;
}

double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return x / 2 * std::erfc(-x / std::sqrt(2.0)); }
double relu(double x) { return x > 0 ? x : 0; }
double relu2(double x) { return relu(x) * relu(x); }
double gelu_tanh(double x) {
  return x / 2 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
double quick_gelu(double x) { return x * sigmoid(1.702 * x); }
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::log1p(std::exp(-std::abs(x))) + relu(x); }

Row gated_mlp(const Row& x, const GatedMlp& w) {
  Row gate = linear(x, w.gate, w.gate_bias, w.ffn_dim);
  const Row up = linear(x, w.up, w.up_bias, w.ffn_dim);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = w.activation(gate[i]) * up[i];
  return linear(gate, w.down, w.down_bias, w.hidden_dim);
}

double xielu(double x, double alpha_p, double alpha_n, double beta, double eps) {
  if (x > 0) return softplus(alpha_p) * x * x + beta * x;
  return (std::expm1(std::min(x, eps)) - x) * (beta + softplus(alpha_n)) + beta * x;
}

double clamped_gate(double g, double u, double limit, double alpha, double offset) {
  g = std::min(g, limit);
  return g * sigmoid(alpha * g) * (std::clamp(u, -limit, limit) + offset);
}

Row mlp(const Row& x, const Mlp& w) {
  Row h = linear(x, w.up, w.up_bias, w.ffn_dim);
  for (double& v : h) v = w.activation(v);
  return linear(h, w.down, w.down_bias, w.hidden_dim);
}

Row softmax(const Row& x) {
  Row y(x.size());
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += y[i] = std::exp(x[i] - *std::max_element(x.begin(), x.end()));
  for (double& v : y) v /= sum;
  return y;
}

namespace {

// The indices of the n largest values, largest first, of equal ones the lower first.
std::vector<std::int64_t> order_of_largest(const Row& x, std::int64_t n) {
  std::vector<std::int64_t> order(x.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)];
  });
  order.resize(static_cast<std::size_t>(n));
  return order;
}

// The keys with minus infinity in all groups but the best, by the sum of each group's largest.
Row limited_to_groups(const Row& keys, const Router& r) {
  const std::int64_t size = r.routed / r.groups;
  Row sums, limited(keys.size(), -std::numeric_limits<double>::infinity());
  for (std::int64_t g = 0; g < r.groups; ++g) {
    Row group(keys.begin() + g * size, keys.begin() + (g + 1) * size);
    std::sort(group.rbegin(), group.rend());
    sums.push_back(std::accumulate(group.begin(), group.begin() + r.group_top, 0.0));
  }
  for (const std::int64_t g : order_of_largest(sums, r.groups_used)) {
    std::copy_n(keys.begin() + g * size, size, limited.begin() + g * size);
  }
  return limited;
}

}  // namespace

// What is left of e^l of the experts that may still be chosen and are near to the largest of them, shared out.
Row sparse_mixer(Row logits, const std::vector<std::int64_t>& chosen, double tolerance) {
  Row weights;
  for (const std::int64_t c : chosen) {
    const double m = logits[static_cast<std::size_t>(c)];
    double sum = 0;
    for (const double l : logits) sum += (m - l) / std::max(std::abs(l), m) <= tolerance ? std::exp(l - m) : 0;
    weights.push_back(1 / sum);
    logits[static_cast<std::size_t>(c)] = -std::numeric_limits<double>::infinity();
  }
  return weights;
}

Route route(const Row& x, const Router& r) {
  Row logits = linear(x, r.weight, {}, r.routed);
  for (std::size_t e = 0; e < logits.size(); ++e)
    logits[e] = logits[e] * r.logit_scale + (r.bias.empty() ? 0 : r.bias[e]);
  const Row scores = r.score(logits);
  Row keys = scores;
  for (std::size_t e = 0; e < r.selection_bias.size(); ++e) keys[e] += r.selection_bias[e];
  Route y{.experts = r.fixed.empty() ? order_of_largest(limited_to_groups(keys, r), r.top_k) : r.fixed, .weights = {}};
  for (const std::int64_t e : y.experts) {
    y.weights.push_back((r.softmax_of_selected ? logits : scores)[static_cast<std::size_t>(e)]);
  }
  if (r.softmax_of_selected) y.weights = softmax(y.weights);
  if (r.sparse_mixer) y.weights = sparse_mixer(logits, y.experts, *r.sparse_mixer);
  const double sum = r.renormalise ? std::accumulate(y.weights.begin(), y.weights.end(), 0.0) : 1.0;
  for (std::size_t i = 0; i < y.weights.size(); ++i) {
    const auto e = static_cast<std::size_t>(y.experts[i]);
    y.weights[i] *= r.routed_scale / sum * (r.expert_scale.empty() ? 1 : r.expert_scale[e]);
  }
  return y;
}

Row moe(const Row& x, const Route& route, const std::vector<std::function<Row(const Row&)>>& experts) {
  Row y(x.size());
  for (std::size_t i = 0; i < route.experts.size(); ++i) {
    const Row out = experts[static_cast<std::size_t>(route.experts[i])](x);
    for (std::size_t c = 0; c < y.size(); ++c) y[c] += route.weights[i] * out[c];
  }
  return y;
}

}  // namespace ttt::reference
