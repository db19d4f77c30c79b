#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attention/attention_spec.h"
#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "kernels/attend.h"
#include "kernels/store_rows.h"
#include "linear/reduced_linear.h"
#include "state/state_spec.h"

// y = concat over heads h of o_h  wo^T + bo,
//     o_h = softmax over visible rows j of (cap(scale q_h . k_j) + bias) v_j,   q, k, v = x wq^T + bq, ...
// q and k are normalised and turned by their positions as the Spec says. Rows of k and v go to the sequence's state and
// are read from there, this step's too.
//
// Vaswani et al., "Attention Is All You Need", 2017; Ainslie et al., "GQA", 2023; Dao et al., "FlashAttention", 2022.
namespace ttt {

struct AttentionWeights {                                              // heads and kv_heads are this rank's
  ConstTensorView q = {};                                              // [heads * head_dim, hidden_dim]
  ConstTensorView k = {};                                              // [kv_heads * head_dim, hidden_dim]
  ConstTensorView v = {};                                              // [kv_heads * value_dim, hidden_dim]
  ConstTensorView o = {};                                              // [hidden_dim, heads * value_dim]
  ConstTensorView q_bias = {}, k_bias = {}, v_bias = {}, o_bias = {};  // as the rows of q, k, v, o
  ConstTensorView q_norm = {}, k_norm = {};                            // [head_dim]
  ConstTensorView sinks = {};                                          // [heads]
};

struct AttentionNames {
  TensorName q = "q_proj.weight", k = "k_proj.weight", v = "v_proj.weight", o = "o_proj.weight";
  TensorName q_bias = "q_proj.bias", k_bias = "k_proj.bias", v_bias = "v_proj.bias", o_bias = "o_proj.bias";
  TensorName q_norm = "q_norm.weight", k_norm = "k_norm.weight";
  TensorName sinks = "sinks";
};

// Heads are dealt out in order, the first ranks get one more where they do not divide.
kernels::HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks);

void validate(const AttentionSpec& spec, const Context& context);
AttentionImplConfig default_impl_config(const AttentionSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(AttentionWeights& weights, const AttentionSpec& spec, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& binder);
// What this rank keeps of every token.
StateSpec state_spec(const AttentionSpec& spec, const AttentionImplConfig& impl, const Context& context);

class Attention {
 public:
  using Spec = AttentionSpec;
  using ImplConfig = AttentionImplConfig;
  using Weights = AttentionWeights;
  using Names = AttentionNames;

  Attention(const AttentionSpec& spec, const AttentionWeights& weights, const AttentionImplConfig& impl,
            const Context& context);

  // x, y: [rows, hidden_dim], f32; y may be x. Stores the rows' keys and values in slot Context::state_slot.
  void forward(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const;
  void forward_add(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const;  // y += attention(x)

  // forward for steps in which every sequence starts or goes on by several rows.
  void prefill(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const;
  // forward for steps in which every sequence gets one row.
  void decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const;

 private:
  struct QKV {
    TensorView q, k, v;  // [rows, heads * head_dim], [rows, kv_heads * head_dim], [rows, kv_heads * value_dim]
  };
  struct Plan {
    Place place;
    std::int64_t hidden_dim = 0, head_dim = 0, value_dim = 0, state_slot = 0;
    kernels::HeadSlice slice = {};            // this rank's heads
    kernels::AttendArgs many = {}, one = {};  // what does not change from step to step
    std::vector<float> inv_freq = {};         // [pairs]; empty: nothing turns
    std::vector<float> slopes = {};           // [heads]; empty: no bias
    ConstTensorView sinks = {};               // [heads]; absent: none
    float attention_factor = 1;
    std::vector<RMSNorm> qk_norm = {};  // of q and of k, or none
    Linear qkv;                         // three weights of one x
    kernels::RotaryTableFn rotary_table = nullptr;
    kernels::StoreRowsFn store_rows = nullptr;
    kernels::AttendKernel attend_many = {}, attend_one = {};
    ReducedLinear output;
  };

  void check(ConstTensorView x, const Step& step, TensorView y) const;
  void attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const;
  void scores(Exec& exec, const kernels::AttendKernel& kernel, kernels::AttendArgs args, const Step& step,
              std::span<const std::int32_t> seqs, const QKV& b, TensorView o) const;

  Plan plan_;
};

}  // namespace ttt
