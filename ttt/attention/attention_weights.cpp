#include "attention/attention_weights.h"

#include <algorithm>

namespace ttt {
namespace {

using kernels::HeadSlice;

AttentionNames stems(const std::string& stem) {
  AttentionNames n;
  n.q = n.k = n.v = stem + ".weight";
  n.q_bias = n.k_bias = n.v_bias = stem + ".bias";
  return n;
}

}  // namespace

AttentionNames fused_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t q = s.num_heads * s.head_dim, k = s.num_kv_heads * s.head_dim;
  const std::int64_t v = s.num_kv_heads * value_width(s);
  AttentionNames n = stems(stem);
  for (TensorName* name : {&n.q, &n.q_bias}) *name = rows(*name, 0, q);
  for (TensorName* name : {&n.k, &n.k_bias}) *name = rows(*name, q, k);
  for (TensorName* name : {&n.v, &n.v_bias}) *name = rows(*name, q + k, v);
  return n;
}

AttentionNames interleaved_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t q = s.num_heads / s.num_kv_heads * s.head_dim, k = s.head_dim;
  const std::int64_t v = value_width(s), all = q + k + v;
  AttentionNames n = stems(stem);
  for (TensorName* name : {&n.q, &n.q_bias}) *name = every(*name, 0, q, all, s.num_kv_heads);
  for (TensorName* name : {&n.k, &n.k_bias}) *name = every(*name, q, k, all, s.num_kv_heads);
  for (TensorName* name : {&n.v, &n.v_bias}) *name = every(*name, q + k, v, all, s.num_kv_heads);
  return n;
}

AttentionNames gated_query_names(const AttentionSpec& s, const std::string& stem) {
  const std::int64_t v = value_width(s), both = s.head_dim + v;
  AttentionNames n;
  n.q = every(stem + ".weight", 0, s.head_dim, both, s.num_heads);
  n.gate = every(stem + ".weight", s.head_dim, v, both, s.num_heads);
  n.q_bias = every(stem + ".bias", 0, s.head_dim, both, s.num_heads);
  n.gate_bias = every(stem + ".bias", s.head_dim, v, both, s.num_heads);
  return n;
}

HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t each = num_heads / ranks, more = num_heads % ranks, group = num_heads / num_kv_heads;
  HeadSlice s{.first_head = rank * each + std::min(rank, more), .heads = each + (rank < more ? 1 : 0), .group = group};
  s.first_kv = s.first_head / group;
  s.kv_heads = s.heads == 0 ? 0 : (s.first_head + s.heads - 1) / group + 1 - s.first_kv;
  return s;
}

HeadSlice head_slice(const AttentionSpec& s, const Context& c) {
  return head_slice(s.num_heads, s.num_kv_heads, c.rank, c.ranks);
}

ProjectionSplit attention_output_split(const AttentionSpec& s, const LinearImplConfig& impl, const Context& c) {
  std::vector<std::int64_t> inputs;
  for (std::int64_t r = 0; r < c.ranks; ++r) {
    inputs.push_back(head_slice(s.num_heads, s.num_kv_heads, r, c.ranks).heads * value_width(s));
  }
  return projection_split(std::move(inputs), s.hidden_dim, impl);
}

void HeadsBinder::matrix(ConstTensorView& field, const TensorName& name, const Shape& shape, const Cut& cut,
                         std::optional<Format> format) const {
  binder.bind(field,
              {.path = std::string(context.place.path), .name = name, .shape = shape, .cut = cut, .format = format});
}

void HeadsBinder::vector(ConstTensorView& field, const TensorName& name, std::int64_t size, const Cut& cut) const {
  binder.bind(
      field,
      {.path = std::string(context.place.path), .name = name, .shape = {size}, .cut = cut, .use = WeightUse::kVector});
}

void bind_projections(AttentionWeights& w, const AttentionSpec& s, std::int64_t source_dim,
                      const AttentionImplConfig& impl, const AttentionNames& names, const HeadsBinder& binder) {
  const std::int64_t value_dim = value_width(s);
  const std::int64_t q_rows = s.num_heads * s.head_dim, k_rows = s.num_kv_heads * s.head_dim;
  const std::int64_t v_rows = s.num_kv_heads * value_dim;
  binder.matrix(w.q, names.q, {q_rows, s.hidden_dim}, binder.heads(s.head_dim), impl.qkv);
  if (!s.shares_rows) {
    binder.matrix(w.k, names.k, {k_rows, source_dim}, binder.kv_heads(s.head_dim), impl.qkv);
    binder.matrix(w.v, names.v, {v_rows, source_dim}, binder.kv_heads(value_dim), impl.qkv);
  }
  const Cut o = attention_output_split(s, impl.linear, binder.context).cut(binder.context.rank);
  binder.matrix(w.o, names.o, {s.hidden_dim, s.num_heads * value_dim}, o, impl.output);
  if (s.q_bias) binder.vector(w.q_bias, names.q_bias, q_rows, binder.heads(s.head_dim));
  if (s.k_bias) binder.vector(w.k_bias, names.k_bias, k_rows, binder.kv_heads(s.head_dim));
  if (s.v_bias) binder.vector(w.v_bias, names.v_bias, v_rows, binder.kv_heads(value_dim));
  if (s.o_bias) binder.vector(w.o_bias, names.o_bias, s.hidden_dim);
}

void bind_weights(AttentionWeights& w, const AttentionSpec& s, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& weights) {
  const HeadsBinder binder{weights, context, head_slice(s, context)};
  const std::int64_t value_dim = value_width(s), o_columns = s.num_heads * value_dim;
  bind_projections(w, s, s.hidden_dim, impl, names, binder);
  if (s.gate) binder.matrix(w.gate, names.gate, {o_columns, s.hidden_dim}, binder.heads(value_dim), impl.qkv);
  if (s.gate_bias) binder.vector(w.gate_bias, names.gate_bias, o_columns, binder.heads(value_dim));
  if (s.qk_norm && s.qk_norm->affine) {
    const bool whole = s.qk_norm_whole;
    const bool cut = whole && !impl.linear.one_kernel;  // else the norm sees whole rows
    binder.vector(w.q_norm, names.q_norm, whole ? s.num_heads * s.head_dim : s.head_dim,
                  cut ? binder.heads(s.head_dim) : Cut{});
    if (!s.shares_rows) {
      binder.vector(w.k_norm, names.k_norm, whole ? s.num_kv_heads * s.head_dim : s.head_dim,
                    cut ? binder.kv_heads(s.head_dim) : Cut{});
    }
  }
  if (s.qk_layer_norm && s.qk_layer_norm_shared) {
    binder.vector(w.q_norm, names.q_norm, s.head_dim);
    binder.vector(w.k_norm, names.k_norm, s.head_dim);
    if (s.qk_layer_norm->bias) {
      binder.vector(w.q_norm_bias, names.q_norm_bias, s.head_dim);
      binder.vector(w.k_norm_bias, names.k_norm_bias, s.head_dim);
    }
  } else if (s.qk_layer_norm) {
    const auto gains = [&](ConstTensorView& field, const TensorName& name, std::int64_t heads, const Cut& cut) {
      weights.bind(field, {.path = std::string(context.place.path),
                           .name = name,
                           .shape = {heads, s.head_dim},
                           .cut = cut,
                           .use = WeightUse::kVector});
    };
    gains(w.q_norm, names.q_norm, s.num_heads, binder.heads(1));
    gains(w.k_norm, names.k_norm, s.num_kv_heads, binder.kv_heads(1));
  }
  if (s.v_norm && s.v_norm->affine) binder.vector(w.v_norm, names.v_norm, value_dim);
  if (s.sinks) binder.vector(w.sinks, names.sinks, s.num_heads, binder.heads(1));
  if (const RelativeBiasSpec* bias = std::get_if<RelativeBiasSpec>(&s.position)) {
    Cut columns = binder.heads(1);
    columns.axis = 1;
    weights.bind(w.relative_bias, {.path = std::string(context.place.path),
                                   .name = names.relative_bias,
                                   .shape = {bias->num_buckets, s.num_heads},
                                   .cut = columns,
                                   .use = WeightUse::kVector});
  }
}

StateSpec state_spec(const AttentionSpec& s, const AttentionImplConfig& impl, const Context& context) {
  const RoPESpec* rope = std::get_if<RoPESpec>(&s.position);
  return {.heads = head_slice(s, context).kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_width(s),
          .format = impl.state,
          .visible = s.visible,
          .position_axes = rope != nullptr ? rope_position_axes(*rope) : 1,
          .step_only = s.visible.ahead > 0};
}

}  // namespace ttt
