#pragma once

#include <cstdint>
#include <vector>

#include "attention/attention.h"
#include "attention/latent_attention_spec.h"
#include "kernels/attention/attend_latent.h"

// c = norm(x wc^T), r = rope(x wr^T);  k_h = [wk_h c, r], v_h = wv_h c: every head's keys and values come from one
// latent c, and one rotated part r of the key serves all heads. q_h = [qn_h, rope(qr_h)] from x, or from norm(x wa^T).
// y = concat over heads h of softmax over rows j of (scale q_h . k_h[j]) v_h[j]  wo^T
// Only c and r are kept: q_h . k_h = (wk_h^T qn_h) . c + qr_h . r, and the weighted sum of values is wv_h
// times the weighted sum of latents.
//
// DeepSeek-AI, "DeepSeek-V2: A Strong, Economical, and Efficient Mixture-of-Experts Language Model", 2024.
namespace ttt {

struct MultiHeadLatentAttentionWeights {          // heads: this rank's
  ConstTensorView q_a = {}, q_a_bias = {};        // [q_lora_rank, hidden_dim]
  ConstTensorView q_a_norm = {}, kv_a_norm = {};  // [q_lora_rank], [kv_lora_rank]
  ConstTensorView q_nope = {}, q_rope = {};       // [heads * nope, in], [heads * rope, in]
  ConstTensorView latent = {}, k_rope = {};       // [kv_lora_rank, hidden_dim], [rope, hidden_dim]
  ConstTensorView latent_bias = {}, k_rope_bias = {};
  ConstTensorView k_b = {}, v_b = {};   // [heads * nope, kv_lora_rank], [heads * v_head_dim, kv_lora_rank]
  ConstTensorView o = {}, o_bias = {};  // [hidden_dim, heads * v_head_dim]
};

struct MultiHeadLatentAttentionNames {
  TensorName q = "q_proj.weight", q_a = "q_a_proj.weight", q_a_bias = "q_a_proj.bias", q_b = "q_b_proj.weight";
  TensorName q_a_norm = "q_a_layernorm.weight", kv_a_norm = "kv_a_layernorm.weight";
  TensorName kv_a = "kv_a_proj_with_mqa.weight",
             kv_a_bias = "kv_a_proj_with_mqa.bias";  // the latent, then the key part
  TensorName kv_b = "kv_b_proj.weight";              // for each head the rows of its keys, then of its values
  TensorName k_b = {}, v_b = {};                     // where they are tensors of their own
  TensorName o = "o_proj.weight", o_bias = "o_proj.bias";
};

void validate(const MultiHeadLatentAttentionSpec& spec, const Context& context);
MultiHeadLatentAttentionImplConfig default_impl_config(const MultiHeadLatentAttentionSpec& spec,
                                                       const DeviceTraits& traits, Strategy strategy);
void bind_weights(MultiHeadLatentAttentionWeights& weights, const MultiHeadLatentAttentionSpec& spec,
                  const MultiHeadLatentAttentionImplConfig& impl, const MultiHeadLatentAttentionNames& names,
                  const Context& context, WeightBinder& binder);
// One row of kv_lora_rank + qk_rope_head_dim values for each token, on every rank.
StateSpec state_spec(const MultiHeadLatentAttentionSpec& spec, const MultiHeadLatentAttentionImplConfig& impl,
                     const Context& context);

// forward, its other forms, prefill and decode are StepForward's. x, y: [rows, hidden_dim], f32; y may be x. A forward
// stores the rows' latents in slot Context::state_slot.
class MultiHeadLatentAttention : public StepForward<MultiHeadLatentAttention> {
 public:
  using Spec = MultiHeadLatentAttentionSpec;
  using ImplConfig = MultiHeadLatentAttentionImplConfig;
  using Weights = MultiHeadLatentAttentionWeights;
  using Names = MultiHeadLatentAttentionNames;

  MultiHeadLatentAttention(const Spec& spec, const Weights& weights, const ImplConfig& impl, const Context& context);

 private:
  friend BlockForward;
  friend StepForward;
  struct Queries {
    TensorView nope, rope;  // [rows, heads * nope], [rows, heads * rope]
  };
  using AttendForm = void (MultiHeadLatentAttention::*)(Exec&, const Step&, const Queries&, TensorView o) const;
  struct Plan {
    Place place;
    std::int64_t hidden_dim, state_slot, position_axes;
    std::int64_t heads, nope, rope, value, rank, q_rank;  // heads: this rank's; rank: kv_lora_rank
    Linear inputs, query;             // of x: latent, key part and, where queries have one, their latent
    std::vector<RMSNorm> query_norm;  // of the queries' latent, or none
    RMSNorm latent_norm;
    Rotation rotation;
    std::int64_t block_pairs;
    Format table_format;  // of sines and cosines
    kernels::StoreRowsFn store_rows;
    ConstTensorView k_b, v_b;
    kernels::LatentRowFn k_b_row, v_b_row;
    kernels::LatentFn absorb_queries, project_values;
    kernels::ExpandLatentsFn expand;
    Scores scores;
    AttendForm attend;
    ReducedLinear output;
  };

  static Plan make_plan(const Spec& s, const Weights& w, const ImplConfig& impl, const Context& context);
  void check(ConstTensorView x, const Step& step, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const;
  void project(Exec& exec, ConstTensorView x, const Step& step, const Queries& q) const;
  void attend_absorbed(Exec& exec, const Step& step, const Queries& q, TensorView o) const;
  void attend_naive(Exec& exec, const Step& step, const Queries& q, TensorView o) const;

  Plan plan_;
};

}  // namespace ttt
