#pragma once

#include <cstdint>
#include <string>

#include "attention/attention_impl.h"
#include "attention/attention_spec.h"
#include "base/context.h"
#include "base/weights.h"
#include "kernels/attention/attend.h"
#include "linear/reduced_linear.h"
#include "state/state_spec.h"

// Weights, names and state of attention.
namespace ttt {

struct AttentionWeights {                                              // heads and kv_heads are this rank's
  ConstTensorView q = {};                                              // [heads * head_dim, hidden_dim]
  ConstTensorView k = {};                                              // [kv_heads * head_dim, hidden_dim]
  ConstTensorView v = {};                                              // [kv_heads * value_dim, hidden_dim]
  ConstTensorView o = {};                                              // [hidden_dim, heads * value_dim]
  ConstTensorView q_bias = {}, k_bias = {}, v_bias = {}, o_bias = {};  // as the rows of q, k, v, o
  ConstTensorView q_norm = {}, k_norm = {};                            // [head_dim], or as the rows of q, k
  // with a qk_layer_norm that is not shared: [heads, head_dim] and [kv_heads, head_dim]
  ConstTensorView q_norm_bias = {}, k_norm_bias = {};  // [head_dim]
  ConstTensorView v_norm = {};                         // [value_dim]
  ConstTensorView gate = {}, gate_bias = {};           // [heads * value_dim, hidden_dim] and its rows
  ConstTensorView sinks = {};                          // [heads]
  ConstTensorView relative_bias = {};                  // [num_buckets, heads]
};

// The keys are also the values: v = k, with or without a v_norm.
struct AttentionNames {
  TensorName q = "q_proj.weight", k = "k_proj.weight", v = "v_proj.weight", o = "o_proj.weight";
  TensorName q_bias = "q_proj.bias", k_bias = "k_proj.bias", v_bias = "v_proj.bias", o_bias = "o_proj.bias";
  TensorName q_norm = "q_norm.weight", k_norm = "k_norm.weight", v_norm = "v_norm.weight";
  TensorName q_norm_bias = "q_norm.bias", k_norm_bias = "k_norm.bias";
  TensorName gate = "gate_proj.weight", gate_bias = "gate_proj.bias";
  TensorName sinks = "sinks", relative_bias = "relative_attention_bias.weight";
};

// Where q, k and v are in one tensor: all of q, all of k, all of v; or for each KV head its queries, its key, its value
// (with as many KV heads as heads: q, k, v of each head).
AttentionNames fused_names(const AttentionSpec& spec, const std::string& stem = "qkv_proj");
AttentionNames interleaved_names(const AttentionSpec& spec, const std::string& stem = "query_key_value");
// One tensor in which every head's rows of the query are followed by its rows of the gate.
AttentionNames gated_query_names(const AttentionSpec& spec, const std::string& stem = "q_proj");

// Each rank has neighbouring heads; if they do not divide evenly, the first ranks have one more.
kernels::HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks);
kernels::HeadSlice head_slice(const AttentionSpec& spec, const Context& context);  // of the context's rank

// Projections as default_linear_config says. State: bf16 for kPerformance, int8 for kMemory, else f32. kReference
// computes the scores in double precision, the others in tiles (FlashScores).
AttentionImplConfig default_impl_config(const AttentionSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(AttentionWeights& weights, const AttentionSpec& spec, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& binder);
// What this rank keeps of every token.
StateSpec state_spec(const AttentionSpec& spec, const AttentionImplConfig& impl, const Context& context);

// ---- shared by the mixers ----

// Binds weights of one block that are cut by its heads.
struct HeadsBinder {
  WeightBinder& binder;
  const Context& context;
  kernels::HeadSlice slice;  // of the context's rank

  Cut heads(std::int64_t dim) const { return {0, slice.first_head * dim, slice.heads * dim}; }
  Cut kv_heads(std::int64_t dim) const { return {0, slice.first_kv * dim, slice.kv_heads * dim}; }
  void matrix(ConstTensorView& field, const TensorName& name, const Shape& shape, const Cut& cut,
              std::optional<Format> format) const;
  void vector(ConstTensorView& field, const TensorName& name, std::int64_t size, const Cut& cut = {}) const;
};

// q, k, v, o and their biases; k and v are of rows of width `source_dim`.
void bind_projections(AttentionWeights& weights, const AttentionSpec& spec, std::int64_t source_dim,
                      const AttentionImplConfig& impl, const AttentionNames& names, const HeadsBinder& binder);

// How the last projection is cut: its inputs are the values of all heads.
ProjectionSplit attention_output_split(const AttentionSpec& spec, const LinearImplConfig& impl, const Context& context);

}  // namespace ttt
