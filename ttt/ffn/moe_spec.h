#pragma once

#include <cstdint>
#include <optional>

#include "base/context.h"
#include "ffn/gated_mlp.h"
#include "kernels/experts/router.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// How the experts of a row and their weights are chosen; kernels/experts/router.h has the details.
struct RouterSpec {
  RouterScore score = RouterScore::kSoftmax;
  RouterWeight weight = RouterWeight::kScore;
  float tolerance = 0;  // of RouterWeight::kSparseMixer
  std::int64_t top_k = 1;
  std::int64_t groups = 1, groups_used = 1, group_top = 1;
  bool selection_bias = false;   // added to the scores for the choice only
  std::int64_t token_table = 0;  // entries of a table that fixes the experts of each token; 0: none
  bool renormalise = false;      // weights / max(sum of weights, sum_floor)
  float sum_floor = 1e-20f;
  float routed_scale = 1.0f;             // times the weights
  bool expert_scale = false;             // a learned factor of each expert's weight
  bool bias = false;                     // of the logits
  float logit_scale = 1.0f;              // logits = logit_scale * (norm(x) w^T) + bias
  std::optional<RMSNormSpec> norm = {};  // of the router's input

  bool operator==(const RouterSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("score", self.score);
    visit("weight", self.weight);
    visit("tolerance", self.tolerance);
    visit("top_k", self.top_k);
    visit("groups", self.groups);
    visit("groups_used", self.groups_used);
    visit("group_top", self.group_top);
    visit("selection_bias", self.selection_bias);
    visit("token_table", self.token_table);
    visit("renormalise", self.renormalise);
    visit("sum_floor", self.sum_floor);
    visit("routed_scale", self.routed_scale);
    visit("expert_scale", self.expert_scale);
    visit("bias", self.bias);
    visit("logit_scale", self.logit_scale);
    visit("norm", self.norm);
  }
};

// One expert: down(activation(gate(x)) * up(x)), or down(activation(up(x))) where not gated.
struct ExpertSpec {
  std::int64_t ffn_dim = 0;
  Activation activation = Activation::kSilu;
  bool gated = true;
  bool bias = false;                          // on all products
  std::optional<GateClamp> clamp = {};        // gated silu only
  bool apply_router_weight_on_input = false;  // expert(weight * x) in place of weight * expert(x)

  bool operator==(const ExpertSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("ffn_dim", self.ffn_dim);
    visit("activation", self.activation);
    visit("gated", self.gated);
    visit("bias", self.bias);
    visit("clamp", self.clamp);
    visit("apply_router_weight_on_input", self.apply_router_weight_on_input);
  }
};

// y = sum over the chosen experts e of weight_e * expert_e(x) + gate * shared(x) + dense(x)
//
// gate = sigmoid(x g^T) where shared_gate is set, else 1. n shared experts of width w are one of width n * w.
struct MoESpec {
  std::int64_t hidden_dim = 0, num_experts = 0;
  std::int64_t identity_experts = 0;  // numbered after the others; each returns its input
  RouterSpec router = {};
  ExpertSpec expert = {};
  std::optional<GatedMLPSpec> shared = {};
  bool shared_gate = false;
  std::optional<GatedMLPSpec> dense = {};

  std::int64_t routed() const { return num_experts + identity_experts; }

  bool operator==(const MoESpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("num_experts", self.num_experts);
    visit("identity_experts", self.identity_experts);
    visit("router", self.router);
    visit("expert", self.expert);
    visit("shared", self.shared);
    visit("shared_gate", self.shared_gate);
    visit("dense", self.dense);
  }
};

void validate(const MoESpec& spec, const Context& context);

}  // namespace ttt
