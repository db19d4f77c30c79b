#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "collectives/reduce.h"
#include "ffn/gated_mlp.h"
#include "ffn/moe_spec.h"
#include "ffn/moe_weights.h"
#include "kernels/experts/expert_rows.h"
#include "kernels/experts/for_each_expert.h"
#include "kernels/experts/router.h"
#include "linear/linear.h"
#include "normalization/rmsnorm.h"

namespace ttt {

// A mixture of experts; moe_spec.h has the formula. Only chosen experts are computed, whatever the number of rows: rows
// are sorted by expert, and each expert multiplies its own rows. Over ranks whole experts are distributed
// (a rank may have none), every rank computes the same routing, and the sums are reduced.
//
// Observers see three places inside: "gate" (the router's logits), "chosen_experts" ([rows, top_k], i32) and "experts"
// (the sum of the experts, without what is computed for every row). Changes of the first two come too late to count.
//
// The number of rows of an expert is known only once the rows are sorted; kernels/experts/for_each_expert.h says what a
// planned step assumes instead.

// Inputs of a call besides x, and its optional outputs. Everything may be absent.
struct MoECall {
  ConstTensorView router_x = {};                   // [rows, hidden_dim], f32: the router's input; absent: x
  std::span<const std::int32_t> ids = {};          // [rows], for a token table; ignored otherwise
  TensorView logits = {};                          // [rows, routed], f32: written
  std::span<std::int32_t> experts = {};            // [rows * top_k]: written
  std::span<float> weights = {};                   // [rows * top_k]: written
  std::span<std::int64_t> tokens_per_expert = {};  // [routed]: added to, by every rank for all experts
};

// forward, forward_add and forward_add_scaled are BlockForward's, with a MoECall or without one. x, y: [rows,
// hidden_dim], f32; y may be x.
class MoE : public BlockForward<MoE, ConstTensorView, const MoECall&> {
 public:
  using Spec = MoESpec;
  using ImplConfig = MoEImplConfig;
  using Weights = MoEWeights;
  using Names = MoENames;

  MoE(const MoESpec& spec, const MoEWeights& weights, const MoEImplConfig& impl, const Context& context);

  using BlockForward::forward, BlockForward::forward_add, BlockForward::forward_add_scaled;
  void forward(Exec& exec, ConstTensorView x, TensorView y) const { forward(exec, x, MoECall{}, y); }
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const { forward_add(exec, x, MoECall{}, y); }
  void forward_add_scaled(Exec& exec, ConstTensorView x, TensorView y, float factor) const {
    forward_add_scaled(exec, x, MoECall{}, y, factor);
  }

 private:
  friend BlockForward;
  struct Expert {
    Linear input;  // gate and up, or up alone
    Linear down;
  };
  struct GatedMember {
    GatedMLP mlp;
    Linear gate;  // [1, hidden_dim]
  };
  // The assignments of a step, sorted by expert.
  struct Routing {
    std::int64_t rows = 0;
    std::span<const std::int32_t> experts = {}, order = {};
    std::span<const std::int64_t> begin = {};  // [routed + 1]; not readable in a planned step
    const float* weights = nullptr;
  };
  struct Plan {
    using HiddenFn = TensorView (*)(const Plan&, const Expert&, Exec&, Scratch::Frame&, ConstTensorView x);
    using GatherFn = void (*)(Exec&, const kernels::GatherAssignedArgs&) noexcept;
    using ScatterFn = void (*)(Exec&, const kernels::ScatterAssignedArgs&) noexcept;
    using SumFn = void (*)(const Plan&, Exec&, ConstTensorView x, const Routing&, TensorView total);
    Place place, router_place, choices_place, experts_place;
    std::int64_t hidden_dim, routed, ffn, ids_per_row, vocab;
    std::int64_t rows_per_expert;  // an expert has at most this many times the rows of a step
    std::int64_t first_expert;     // of this rank
    std::int64_t first_identity;   // beyond all experts if another rank adds their results
    kernels::RouterRule rule;
    ConstTensorView router_bias, selection_bias, expert_scale, token_experts;
    std::vector<RMSNorm> router_norm;  // one or none
    Linear router;
    std::vector<Expert> experts;  // this rank's
    kernels::ActivationFn activate;
    kernels::GateFn gate;
    kernels::ActivationParams params;
    float up_offset;
    HiddenFn hidden;
    GatherFn gather;
    ScatterFn scatter;
    SumFn sum;
    ReduceFn reduce;
    std::vector<GatedMLP> unrouted;  // computed for every row: a shared expert without gate, a dense feed-forward
    std::vector<GatedMember> gated;  // shared expert with gate
  } plan_;

  Routing route(Exec& exec, Scratch::Frame& frame, ConstTensorView x, const MoECall& call) const;
  void check(ConstTensorView x, const MoECall& call, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const MoECall& call, const BlockOutput& out) const;
  static Plan make_plan(const MoESpec&, const MoEWeights&, const MoEImplConfig&, const Context&);
  static void add_unrouted(Plan&, const MoESpec&, const MoEWeights&, const MoEImplConfig&, const Context&);
  static void run_experts(const Plan&, Exec&, ConstTensorView x, const Routing&, TensorView y);
  static void run_expert(const Plan&, const Expert&, Exec&, ConstTensorView x, const Routing&,
                         const kernels::ExpertAssignments&, TensorView y);
  static void sum_in_place(const Plan&, Exec&, ConstTensorView x, const Routing&, TensorView total);
  static void sum_by_slot(const Plan&, Exec&, ConstTensorView x, const Routing&, TensorView total);
  static TensorView hidden_gated(const Plan&, const Expert&, Exec&, Scratch::Frame&, ConstTensorView x);
  static TensorView hidden_plain(const Plan&, const Expert&, Exec&, Scratch::Frame&, ConstTensorView x);
};

}  // namespace ttt
