#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

// The formulae of the blocks in double precision, row by row and independent of the kernels: the meaning of a Spec.
namespace ttt::reference {

using Row = std::vector<double>;

// x / sqrt(mean(x^2) + eps) * (offset + w); an empty w is ones without offset
Row rms_norm(const Row& x, const Row& w, double eps, double offset);
// (x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * w + b; an empty w is ones, an empty b zeros
Row layer_norm(const Row& x, const Row& w, const Row& b, double eps);
// w x + b, w [out][in] row-major; an empty b is zeros
Row linear(const Row& x, const Row& w, const Row& b, std::int64_t out);
double silu(double x);
double gelu(double x);  // x * Phi(x)
double relu(double x);
double relu2(double x);
double gelu_tanh(double x);
double quick_gelu(double x);
double sigmoid(double x);
double softplus(double x);
// down(act(gate(x)) * up(x)); empty biases are zeros
struct GatedMlp {
  Row gate, up, down, gate_bias, up_bias, down_bias;
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  double (*activation)(double) = silu;
};
Row gated_mlp(const Row& x, const GatedMlp& w);
// The activation with two learned numbers; eps <= 0
double xielu(double x, double alpha_p, double alpha_n, double beta, double eps);
// g sigmoid(alpha g) (u + offset), g at most limit, u clamped to [-limit, limit]
double clamped_gate(double g, double u, double limit, double alpha, double offset);
// down(act(up(x))); empty biases are zeros
struct Mlp {
  Row up, down, up_bias, down_bias;
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  std::function<double(double)> activation = gelu;
};
Row mlp(const Row& x, const Mlp& w);

// The experts of a row, equal ones by ascending index, and the factors of their outputs.
struct Router {
  Row weight = {}, bias = {}, selection_bias = {}, expert_scale = {};  // weight [routed][hidden_dim]; empty: none
  std::int64_t routed = 0, top_k = 1, groups = 1, groups_used = 1, group_top = 1;
  std::function<Row(const Row&)> score = {};  // of all logits
  bool softmax_of_selected = false, renormalise = false;
  std::optional<double> sparse_mixer = {};  // the tolerance, where weights are those of SparseMixer
  double logit_scale = 1, routed_scale = 1;
  std::vector<std::int64_t> fixed = {};  // the experts, if they are not chosen by score
};
struct Route {
  std::vector<std::int64_t> experts;
  Row weights;
};
Row softmax(const Row& x);
Route route(const Row& x, const Router& r);
// sum over the route of weight * expert(x)
Row moe(const Row& x, const Route& route, const std::vector<std::function<Row(const Row&)>>& experts);

}  // namespace ttt::reference
