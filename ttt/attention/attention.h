#pragma once

#include <cstdint>
#include <vector>

#include "attention/attention_weights.h"
#include "attention/head_norms.h"
#include "attention/rotation.h"
#include "attention/scores.h"
#include "attention/step_forward.h"
#include "attention/whole_norm.h"
#include "kernels/activation/clamp.h"
#include "kernels/activation/gate.h"

// y = concat over heads h of o_h  wo^T + bo,
//     o_h = softmax over visible rows j of (cap(scale q_h . k_j) + bias) v_j,   q, k, v = x wq^T + bq, ...
// q and k are normalised and rotated by their positions as the Spec says. Rows of k and v go to the sequence's state
// and are read from there, including the rows of this step.
//
// Vaswani et al., "Attention Is All You Need", 2017; Ainslie et al., "GQA", 2023; Dao et al., "FlashAttention", 2022.
namespace ttt {

// forward, its other forms, prefill and decode are StepForward's. x, y: [rows, hidden_dim], f32; y may be x. A forward
// stores the rows' keys and values in slot Context::state_slot.
class Attention : public StepForward<Attention> {
 public:
  using Spec = AttentionSpec;
  using ImplConfig = AttentionImplConfig;
  using Weights = AttentionWeights;
  using Names = AttentionNames;

  Attention(const AttentionSpec& spec, const AttentionWeights& weights, const AttentionImplConfig& impl,
            const Context& context);

 private:
  friend BlockForward;
  friend StepForward;

  // The projections of a step's rows.
  struct QKV {
    TensorView q, k, v;  // [rows, heads * head_dim], [rows, kv_heads * head_dim], [rows, kv_heads * value_dim]
    TensorView gate;     // [rows, heads * value_dim], or [rows, 0] without
  };
  struct HeadNorm {  // of each head separately
    TensorView QKV::*part;
    std::int64_t width;
    RMSNorm norm;
  };
  struct HeadLayerNorm {  // likewise, by mean and variance
    TensorView QKV::*part;
    LayerNorm norm;
  };
  struct OwnNorms {  // of each head separately, each with its own gains
    TensorView QKV::*part;
    HeadNorms norm;
  };
  struct AllHeadsNorm {  // of the heads of all ranks at once
    TensorView QKV::*part;
    WholeNorm norm;
  };
  struct Clip {
    float limit;
    kernels::ClampFn kernel;
  };
  struct Projection {
    Linear linear;                           // of all weights that x is multiplied with
    std::vector<TensorView QKV::*> outputs;  // where their products go
    std::vector<HeadNorm> head_norms;
    std::vector<HeadLayerNorm> head_layer_norms;
    std::vector<OwnNorms> own_norms;
    std::vector<AllHeadsNorm> all_heads_norms;
    std::vector<Clip> clip;  // one or none
  };
  struct OutputGate {
    kernels::GateFn kernel;
    kernels::ActivationFn sigmoid;
  };
  struct Plan {
    Place place;
    std::int64_t hidden_dim, state_slot, position_axes;
    std::int64_t q_dim, k_dim, v_dim, gate_dim, o_dim;  // widths of this rank's rows
    Projection projection;
    std::vector<Rotation> rotation;  // one or none
    std::int64_t table_dim;          // 2 * pairs; 0: no rotation
    Format table_format;
    kernels::StoreRowsFn store;
    kernels::StoreRowsArgs store_args;  // what does not change from step to step
    Scores scores;
    std::vector<OutputGate> gate;  // one or none
    ReducedLinear output;
  };

  static Plan make_plan(const AttentionSpec& spec, const AttentionWeights& weights, const AttentionImplConfig& impl,
                        const Context& context);
  static Projection make_projection(const AttentionSpec& spec, const AttentionWeights& weights,
                                    const AttentionImplConfig& impl, const Context& context);
  static std::vector<HeadNorm> make_head_norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                               const AttentionImplConfig& impl, const Context& context);
  static std::vector<HeadLayerNorm> make_head_layer_norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                                          const AttentionImplConfig& impl, const Context& context);
  static std::vector<OwnNorms> make_own_norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                              const AttentionImplConfig& impl, const Context& context);
  static std::vector<AllHeadsNorm> make_all_heads_norms(const AttentionSpec& spec, const AttentionWeights& weights,
                                                        const AttentionImplConfig& impl, const Context& context);

  void check(ConstTensorView x, const Step& step, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const;
  void project(Exec& exec, ConstTensorView x, const QKV& rows) const;
  void rotate_and_store(Exec& exec, const Step& step, const QKV& rows) const;
  void attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const;

  Plan plan_;
};

}  // namespace ttt
