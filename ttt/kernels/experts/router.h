#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt {

// How a router computes an expert's score from its logit.
enum class RouterScore : std::uint8_t {
  kSoftmax,  // over all experts
  kSigmoid,
  kSqrtSoftplus,  // sqrt(log(1 + e^x))
  kLogit,         // as it is
};
std::string_view name_of(RouterScore score);  // "softmax", "sigmoid", "sqrt_softplus", "logit"

// The factor of a chosen expert's output.
enum class RouterWeight : std::uint8_t {
  kScore,              // its score
  kSoftmaxOfSelected,  // softmax over the logits of the chosen
  // SparseMixer (arXiv 2409.12136) as it is in inference. For an expert of logit m that is chosen after others:
  //     1 / sum of e^(l - m) over the logits l of experts not chosen before it with (m - l) / max(|l|, m) <= tolerance
  kSparseMixer,
};
std::string_view name_of(RouterWeight weight);  // "score", "softmax_of_selected", "sparse_mixer"

namespace kernels {

struct RouterRule {
  RouterScore score = RouterScore::kSoftmax;
  RouterWeight weight = RouterWeight::kScore;
  std::int64_t top_k = 1;
  // Experts lie in `groups` of equal size; those of the `groups_used` groups with the largest sum of their `group_top`
  // largest (score + selection bias) may be chosen.
  std::int64_t groups = 1, groups_used = 1, group_top = 1;
  float logit_scale = 1;
  bool renormalise = false;  // weights / max(sum of weights, sum_floor)
  float sum_floor = 0;
  float routed_scale = 1;  // a last factor of the weights
  float tolerance = 0;     // of kSparseMixer
};

// For every row the top_k experts with the largest score + selection_bias, largest first, equal ones by ascending index
// (a NaN is treated as the smallest), and their weights. With a table, the experts are those of the row's token.
struct RouteArgs {
  TensorView logits = {};                  // [rows, experts], f32; becomes logit_scale * logits + bias
  ConstTensorView bias = {};               // [experts], f32; absent: none
  ConstTensorView selection_bias = {};     // [experts], f32; absent: none
  ConstTensorView expert_scale = {};       // [experts], f32, factors of the weights; absent: ones
  ConstTensorView table = {};              // [vocab, top_k], i32 or i64; absent: the largest
  std::span<const std::int32_t> ids = {};  // [rows]; with a table
  RouterRule rule = {};
  TensorView work = {};             // [rows, 5 * experts], f32; scratch
  std::int32_t* experts = nullptr;  // [rows, top_k]; -1 where the table names none of the experts
  float* weights = nullptr;         // [rows, top_k]; 0 where there is no expert
};
void route(Exec& exec, const RouteArgs& args) noexcept;
double operations(const RouteArgs& args);
double bytes(const RouteArgs& args);

}  // namespace kernels
}  // namespace ttt
