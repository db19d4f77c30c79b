#pragma once

#include <cstdint>
#include <span>
#include <vector>

// The formulae of the blocks in double precision, row by row, written apart from the kernels: what a Spec means.
namespace ttt::reference {

using Row = std::vector<double>;

// x / sqrt(mean(x^2) + eps) * (offset + w); an empty w is ones without offset
Row rms_norm(const Row& x, const Row& w, double eps, double offset);
// w x + b, w [out][in] row-major; an empty b is zeros
Row linear(const Row& x, const Row& w, const Row& b, std::int64_t out);
double silu(double x);
double gelu(double x);  // x * Phi(x)
double relu(double x);
// down(act(gate(x)) * up(x)); empty biases are zeros
struct GatedMlp {
  Row gate, up, down, gate_bias, up_bias, down_bias;
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  double (*activation)(double) = silu;
};
Row gated_mlp(const Row& x, const GatedMlp& w);

}  // namespace ttt::reference
