#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "attention/attention_impl.h"
#include "attention/attention_spec.h"
#include "attention/whole_norm.h"
#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "kernels/activation/gate.h"
#include "kernels/attention/attend.h"
#include "kernels/attention/store_rows.h"
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
  ConstTensorView q_norm = {}, k_norm = {};                            // [head_dim], or as the rows of q, k
  ConstTensorView v_norm = {};                                         // [value_dim]
  ConstTensorView gate = {}, gate_bias = {};                           // [heads * value_dim, hidden_dim] and its rows
  ConstTensorView sinks = {};                                          // [heads]
  ConstTensorView relative_bias = {};                                  // [num_buckets, heads]
};

// Keys that are values too: v = k, and a v_norm or none.
struct AttentionNames {
  TensorName q = "q_proj.weight", k = "k_proj.weight", v = "v_proj.weight", o = "o_proj.weight";
  TensorName q_bias = "q_proj.bias", k_bias = "k_proj.bias", v_bias = "v_proj.bias", o_bias = "o_proj.bias";
  TensorName q_norm = "q_norm.weight", k_norm = "k_norm.weight", v_norm = "v_norm.weight";
  TensorName gate = "gate_proj.weight", gate_bias = "gate_proj.bias";
  TensorName sinks = "sinks", relative_bias = "relative_attention_bias.weight";
};

// Where q, k and v are in one tensor: all of q, all of k, all of v; or for each KV head its queries, its key, its value
// (with as many KV heads as heads: q, k, v of each head).
AttentionNames fused_names(const AttentionSpec& spec, const std::string& stem = "qkv_proj");
AttentionNames interleaved_names(const AttentionSpec& spec, const std::string& stem = "query_key_value");
// Where every head's rows of the query are followed by its rows of the gate.
AttentionNames gated_query_names(const AttentionSpec& spec, const std::string& stem = "q_proj");

// Heads are dealt out in order, the first ranks get one more where they do not divide.
kernels::HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks);

void validate(const AttentionSpec& spec, const Context& context);
// Projections as default_linear_config says. State: bf16 for kPerformance, int8 for kMemory, else f32. kReference takes
// the scores in double precision, the others in tiles (FlashScores).
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
    TensorView gate;     // [rows, heads * value_dim], or [rows, 0] without
  };
  struct Norm {
    TensorView QKV::*part;
    std::int64_t width;
    RMSNorm norm;
  };
  struct HeadsNorm {
    TensorView QKV::*part;
    WholeNorm norm;
  };
  struct Plan {
    Place place;
    std::int64_t hidden_dim = 0, head_dim = 0, value_dim = 0, state_slot = 0;
    kernels::HeadSlice slice = {};            // this rank's heads
    kernels::AttendArgs many = {}, one = {};  // what does not change from step to step
    std::vector<float> inv_freq = {};         // [pairs]; empty: nothing turns
    std::vector<std::int32_t> axes = {};      // [pairs], axis of the positions; empty: the first
    std::int64_t position_axes = 1;
    Format table_format = Format::kF32;      // of sines and cosines
    std::vector<float> slopes = {};          // [heads]; empty: no bias
    std::vector<std::int32_t> buckets = {};  // by distance; empty: no bias
    ConstTensorView bucket_bias = {};        // [buckets, heads]
    ConstTensorView sinks = {};              // [heads]; absent: none
    float attention_factor = 1;
    std::vector<Norm> norms = {};
    std::vector<HeadsNorm> heads_norms = {};  // over heads of several ranks
    Linear qkv;                               // the weights of one x
    std::vector<TensorView QKV::*> outputs;   // where their products go
    std::int64_t gate_dim = 0;                // 0: no gate
    kernels::GateFn gate = nullptr;
    kernels::ActivationFn sigmoid = nullptr;
    kernels::StoreRowsArgs store = {};  // what does not change from step to step
    kernels::RotaryTableFn rotary_table = nullptr;
    kernels::StoreRowsFn store_rows = nullptr;
    kernels::AttendKernel attend_many = {}, attend_one = {};
    ReducedLinear output;
  };

  static std::vector<TensorView QKV::*> outputs(const AttentionSpec& spec);
  static std::vector<Norm> norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                 const AttentionImplConfig& impl, const Context& context);
  static std::vector<HeadsNorm> heads_norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                            const AttentionImplConfig& impl, const Context& context);
  void check(ConstTensorView x, const Step& step, TensorView y) const;
  void project(Exec& exec, ConstTensorView x, const QKV& b) const;
  void attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const;
  void scores(Exec& exec, const kernels::AttendKernel& kernel, kernels::AttendArgs args, const Step& step,
              std::span<const std::int32_t> seqs, const QKV& b, TensorView o) const;

  Plan plan_;
};

}  // namespace ttt
