#pragma once

#include <cstdint>
#include <optional>

#include "attention/attention.h"

// y = concat over heads h of o_h  wo^T + bo,   o_h = softmax over all rows j of the source of (scale q_h . k_j) v_j,
//     q = x wq^T + bq,   k = source wk^T + bk,   v = source wv^T + bv
// Keys and values are computed once for each sequence, by store, and kept in a slot of their own. Nothing is rotated:
// the values of a source row already depend on its position.
//
// Vaswani et al., "Attention Is All You Need", 2017.
namespace ttt {

struct CrossAttentionSpec {
  std::int64_t hidden_dim = 0, source_dim = 0;  // widths of x and of the source; source_dim 0: hidden_dim
  std::int64_t num_heads = 0, num_kv_heads = 0, head_dim = 0;
  std::int64_t value_dim = 0;       // 0: head_dim
  std::optional<float> scale = {};  // absent: head_dim^-0.5
  bool q_bias = false, k_bias = false, v_bias = false, o_bias = false;
  std::int64_t max_source_rows = 0;  // most rows of a source

  bool operator==(const CrossAttentionSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("source_dim", self.source_dim);
    visit("num_heads", self.num_heads);
    visit("num_kv_heads", self.num_kv_heads);
    visit("head_dim", self.head_dim);
    visit("value_dim", self.value_dim);
    visit("scale", self.scale);
    visit("q_bias", self.q_bias);
    visit("k_bias", self.k_bias);
    visit("v_bias", self.v_bias);
    visit("o_bias", self.o_bias);
    visit("max_source_rows", self.max_source_rows);
  }
};

// q, k, v, o and their biases of AttentionWeights and AttentionNames; [.., source_dim] for k and v.
using CrossAttentionWeights = AttentionWeights;
using CrossAttentionNames = AttentionNames;
using CrossAttentionImplConfig = AttentionImplConfig;

void validate(const CrossAttentionSpec& spec, const Context& context);
CrossAttentionImplConfig default_impl_config(const CrossAttentionSpec& spec, const DeviceTraits& traits,
                                             Strategy strategy);
void bind_weights(CrossAttentionWeights& weights, const CrossAttentionSpec& spec, const CrossAttentionImplConfig& impl,
                  const CrossAttentionNames& names, const Context& context, WeightBinder& binder);
// What this rank keeps of every source.
StateSpec state_spec(const CrossAttentionSpec& spec, const CrossAttentionImplConfig& impl, const Context& context);

// forward, its other forms, prefill and decode are StepForward's. x, y: [rows, hidden_dim], f32; y may be x. Every row
// sees all rows of its sequence's source.
class CrossAttention : public StepForward<CrossAttention> {
 public:
  using Spec = CrossAttentionSpec;
  using ImplConfig = CrossAttentionImplConfig;
  using Weights = CrossAttentionWeights;
  using Names = CrossAttentionNames;

  CrossAttention(const CrossAttentionSpec& spec, const CrossAttentionWeights& weights,
                 const CrossAttentionImplConfig& impl, const Context& context);

  // source: [rows, source_dim], f32, of a step made by StepBuilder::prepare_source.
  void store(Exec& exec, ConstTensorView source, const Step& step) const;

 private:
  friend BlockForward;
  friend StepForward;
  struct Plan {
    Place place;
    std::int64_t hidden_dim, source_dim, state_slot;
    Linear query, key_value;
    kernels::StoreRowsFn store_rows;
    Scores scores;
    ReducedLinear output;
  };

  static Plan make_plan(const CrossAttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                        const Context& context);
  void check(ConstTensorView x, const Step& step, TensorView y) const;
  void check_source(ConstTensorView x, ConstTensorView y, std::int64_t width, const Step& step) const;
  void compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const;

  Plan plan_;
};

}  // namespace ttt
