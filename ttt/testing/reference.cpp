#include "testing/reference.h"

#include <cmath>

namespace ttt::reference {

Row rms_norm(const Row& x, const Row& w, double eps, double offset) {
  double square = 0;
  for (const double v : x) square += v * v;
  const double inverse = 1 / std::sqrt(square / static_cast<double>(x.size()) + eps);
  Row y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * inverse * (w.empty() ? 1.0 : offset + w[i]);
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

Row gated_mlp(const Row& x, const GatedMlp& w) {
  Row gate = linear(x, w.gate, w.gate_bias, w.ffn_dim);
  const Row up = linear(x, w.up, w.up_bias, w.ffn_dim);
  for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = w.activation(gate[i]) * up[i];
  return linear(gate, w.down, w.down_bias, w.hidden_dim);
}

}  // namespace ttt::reference
