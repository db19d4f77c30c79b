#include "attention/attention.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

using kernels::HeadSlice;

std::int64_t value_dim_of(const AttentionSpec& s) { return s.value_dim > 0 ? s.value_dim : s.head_dim; }

HeadSlice slice_of(const AttentionSpec& s, const Context& c) {
  return head_slice(s.num_heads, s.num_kv_heads, c.rank, c.ranks);
}

ProjectionSplit output_split(const AttentionSpec& s, const AttentionImplConfig& impl, const Context& c) {
  std::vector<std::int64_t> inputs;
  for (std::int64_t r = 0; r < c.ranks; ++r) {
    inputs.push_back(head_slice(s.num_heads, s.num_kv_heads, r, c.ranks).heads * value_dim_of(s));
  }
  return projection_split(std::move(inputs), s.hidden_dim, impl.linear);
}

// What position means for this rank's heads.
struct Positions {
  RotaryFrequencies rotary = {};
  bool interleaved = false;
  std::int64_t block_pairs = 0, count = 1;  // of RoPE; of axes
  std::vector<float> slopes = {};
  std::vector<std::int32_t> axes = {}, buckets = {};
};

Positions positions_of(const NoPosition&, const AttentionSpec&, const HeadSlice&) { return {}; }
Positions positions_of(const RoPESpec& rope, const AttentionSpec&, const HeadSlice&) {
  return {.rotary = rope_frequencies(rope, rope.context),
          .interleaved = rope.layout == RotaryLayout::kInterleaved,
          .block_pairs = rope_block_pairs(rope),
          .count = rope_position_axes(rope),
          .axes = rope_axes(rope)};
}
Positions positions_of(const ALiBiSpec& alibi, const AttentionSpec& s, const HeadSlice& slice) {
  const std::vector<float> all = alibi_slopes(alibi, s.num_heads);
  const auto first = all.begin() + slice.first_head;
  return {.slopes = std::vector<float>(first, first + slice.heads)};
}

Positions positions_of(const RelativeBiasSpec& bias, const AttentionSpec&, const HeadSlice&) {
  return {.buckets = relative_buckets(bias)};
}

kernels::AttendArgs fixed_args(const AttentionSpec& s, const ScorePlan& scores, const Context& c) {
  return {.slice = slice_of(s, c),
          .visible = s.visible,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .scale = s.scale.value_or(static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.head_dim)))),
          .soft_cap = s.soft_cap.value_or(0.0f),
          .query_block = scores.blocks.query_block,
          .key_block = scores.blocks.key_block};
}

kernels::StoreRowsArgs fixed_store(const AttentionSpec& s, const HeadSlice& slice) {
  const TemperatureSpec t = s.temperature.value_or(TemperatureSpec{.scale = 0});
  return {.heads = slice.heads,
          .kv_heads = s.shares_rows ? 0 : slice.kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .temperature = t.scale,
          .temperature_floor = t.floor_scale,
          .temperature_offset = t.offset};
}

// The projections of x, in the order of Attention::outputs.
std::vector<LinearWeight> projections(const AttentionSpec& s, const AttentionWeights& w) {
  std::vector<LinearWeight> all{{w.q, w.q_bias}};
  if (!s.shares_rows) all.insert(all.end(), {{w.k, w.k_bias}, {w.v, w.v_bias}});
  if (s.gate) all.push_back({w.gate, w.gate_bias});
  return all;
}

const AttentionSpec& checked(const AttentionSpec& spec, const AttentionWeights& weights,
                             const AttentionImplConfig& impl, const Context& context) {
  validate(spec, context);
  AttentionWeights copy = weights;
  WeightChecker checker;
  bind_weights(copy, spec, impl, {}, context, checker);
  return spec;
}

}  // namespace

HeadSlice head_slice(std::int64_t num_heads, std::int64_t num_kv_heads, std::int64_t rank, std::int64_t ranks) {
  const std::int64_t each = num_heads / ranks, more = num_heads % ranks, group = num_heads / num_kv_heads;
  HeadSlice s{.first_head = rank * each + std::min(rank, more), .heads = each + (rank < more ? 1 : 0), .group = group};
  s.first_kv = s.first_head / group;
  s.kv_heads = s.heads == 0 ? 0 : (s.first_head + s.heads - 1) / group + 1 - s.first_kv;
  return s;
}

AttentionImplConfig default_impl_config(const AttentionSpec&, const DeviceTraits& traits, Strategy strategy) {
  AttentionImplConfig impl{.linear = default_linear_config(traits, strategy)};
  if (strategy == Strategy::kReference) impl.many = impl.one = ReferenceScores{};
  if (strategy == Strategy::kPerformance) impl.state = Format::kBF16;
  if (strategy == Strategy::kMemory) impl.state = Format::kInt8;
  return impl;
}

void bind_weights(AttentionWeights& w, const AttentionSpec& s, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& binder) {
  const HeadSlice slice = slice_of(s, context);
  const std::int64_t value_dim = value_dim_of(s);
  const std::string path(context.place.path);
  const auto heads = [&](std::int64_t dim) { return Cut{0, slice.first_head * dim, slice.heads * dim}; };
  const auto kv = [&](std::int64_t dim) { return Cut{0, slice.first_kv * dim, slice.kv_heads * dim}; };
  const auto bind = [&](ConstTensorView& field, const TensorName& name, Shape shape, Cut cut, WeightUse use,
                        std::optional<Format> format = {}) {
    binder.bind(field, {.path = path, .name = name, .shape = shape, .cut = cut, .use = use, .format = format});
  };
  const std::int64_t q_rows = s.num_heads * s.head_dim, k_rows = s.num_kv_heads * s.head_dim;
  const std::int64_t v_rows = s.num_kv_heads * value_dim, o_columns = s.num_heads * value_dim;
  bind(w.q, names.q, {q_rows, s.hidden_dim}, heads(s.head_dim), WeightUse::kMatrix, impl.qkv);
  if (!s.shares_rows) {
    bind(w.k, names.k, {k_rows, s.hidden_dim}, kv(s.head_dim), WeightUse::kMatrix, impl.qkv);
    bind(w.v, names.v, {v_rows, s.hidden_dim}, kv(value_dim), WeightUse::kMatrix, impl.qkv);
  }
  bind(w.o, names.o, {s.hidden_dim, o_columns}, output_split(s, impl, context).cut(context.rank), WeightUse::kMatrix,
       impl.output);
  if (s.q_bias) bind(w.q_bias, names.q_bias, {q_rows}, heads(s.head_dim), WeightUse::kVector);
  if (s.k_bias) bind(w.k_bias, names.k_bias, {k_rows}, kv(s.head_dim), WeightUse::kVector);
  if (s.v_bias) bind(w.v_bias, names.v_bias, {v_rows}, kv(value_dim), WeightUse::kVector);
  if (s.o_bias) bind(w.o_bias, names.o_bias, {s.hidden_dim}, {}, WeightUse::kVector);
  if (s.gate) bind(w.gate, names.gate, {o_columns, s.hidden_dim}, heads(value_dim), WeightUse::kMatrix, impl.qkv);
  if (s.gate_bias) bind(w.gate_bias, names.gate_bias, {o_columns}, heads(value_dim), WeightUse::kVector);
  if (s.qk_norm && s.qk_norm->affine) {
    const bool cut = s.qk_norm_whole && !impl.linear.one_kernel;  // else the norm sees whole rows
    const Shape q{s.qk_norm_whole ? q_rows : s.head_dim}, k{s.qk_norm_whole ? k_rows : s.head_dim};
    bind(w.q_norm, names.q_norm, q, cut ? heads(s.head_dim) : Cut{}, WeightUse::kVector);
    if (!s.shares_rows) bind(w.k_norm, names.k_norm, k, cut ? kv(s.head_dim) : Cut{}, WeightUse::kVector);
  }
  if (s.v_norm && s.v_norm->affine) bind(w.v_norm, names.v_norm, {value_dim}, {}, WeightUse::kVector);
  if (s.sinks) bind(w.sinks, names.sinks, {s.num_heads}, heads(1), WeightUse::kVector);
  if (const RelativeBiasSpec* bias = std::get_if<RelativeBiasSpec>(&s.position)) {
    bind(w.relative_bias, names.relative_bias, {bias->num_buckets, s.num_heads}, {1, slice.first_head, slice.heads},
         WeightUse::kVector);
  }
}

StateSpec state_spec(const AttentionSpec& s, const AttentionImplConfig& impl, const Context& context) {
  const RoPESpec* rope = std::get_if<RoPESpec>(&s.position);
  return {.heads = slice_of(s, context).kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .format = impl.state,
          .visible = s.visible,
          .position_axes = rope != nullptr ? rope_position_axes(*rope) : 1};
}

std::vector<TensorView Attention::QKV::*> Attention::outputs(const AttentionSpec& s) {
  std::vector<TensorView QKV::*> all{&QKV::q};
  if (!s.shares_rows) all.insert(all.end(), {&QKV::k, &QKV::v});
  if (s.gate) all.push_back(&QKV::gate);
  return all;
}

std::vector<Attention::Norm> Attention::norms(const AttentionSpec& s, const AttentionWeights& w,
                                              const AttentionImplConfig& a, const Context& c) {
  std::vector<Norm> all;
  const auto add = [&](TensorView QKV::*part, RMSNormSpec spec, std::int64_t dim, const ConstTensorView& weight,
                       std::string_view name) {
    spec.dim = dim;
    const RMSNormImplConfig impl{.reference = a.linear.reference};
    all.push_back({part, dim, RMSNorm(spec, RMSNormWeights{weight}, impl, c.at(name))});
  };
  if (s.qk_norm && (!s.qk_norm_whole || c.ranks == 1)) {
    add(&QKV::q, *s.qk_norm, s.qk_norm_whole ? s.num_heads * s.head_dim : s.head_dim, w.q_norm, "q_norm");
    if (!s.shares_rows) {
      add(&QKV::k, *s.qk_norm, s.qk_norm_whole ? s.num_kv_heads * s.head_dim : s.head_dim, w.k_norm, "k_norm");
    }
  }
  if (s.v_norm) add(&QKV::v, *s.v_norm, value_dim_of(s), w.v_norm, "v_norm");
  return all;
}

std::vector<Attention::HeadsNorm> Attention::heads_norms(const AttentionSpec& s, const AttentionWeights& w,
                                                         const AttentionImplConfig& a, const Context& c) {
  if (!s.qk_norm || !s.qk_norm_whole || c.ranks == 1) return {};
  WholeNormHeads q{.head_dim = s.head_dim}, k = q;
  for (std::int64_t r = 0; r < c.ranks; ++r) {
    const HeadSlice slice = head_slice(s.num_heads, s.num_kv_heads, r, c.ranks);
    q.held.push_back({slice.first_head, slice.heads});
    k.held.push_back({slice.first_kv, slice.kv_heads});
  }
  const bool whole_rows = a.linear.one_kernel;
  const RMSNormImplConfig impl{.reference = a.linear.reference};
  return {{&QKV::q, WholeNorm(*s.qk_norm, w.q_norm, q, whole_rows, impl, c.at("q_norm"))},
          {&QKV::k, WholeNorm(*s.qk_norm, w.k_norm, k, whole_rows, impl, c.at("k_norm"))}};
}

Attention::Attention(const AttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                     const Context& context)
    : plan_{
          .place = context.place,
          .hidden_dim = checked(s, w, impl, context).hidden_dim,
          .head_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .state_slot = context.state_slot,
          .slice = slice_of(s, context),
          .bucket_bias = w.relative_bias,
          .norms = norms(s, w, impl, context),
          .heads_norms = heads_norms(s, w, impl, context),
          .qkv = Linear(projections(s, w), impl.linear, context),
          .outputs = outputs(s),
          .gate_dim = s.gate ? plan_.slice.heads * plan_.value_dim : 0,
          .gate = kernels::select_gate(context.traits, impl.linear.reference),
          .sigmoid = kernels::select_activation(context.traits, Activation::kSigmoid, impl.linear.reference),
          .store = fixed_store(s, slice_of(s, context)),
          .output = ReducedLinear({w.o, w.o_bias}, output_split(s, impl, context), impl.linear, context.at("o_proj"))} {
  const std::string_view who = context.name_or("Attention");
  const ScorePlan many = score_plan(impl.many, who), one = score_plan(impl.one, who);
  Positions positions =
      std::visit([&](const auto& position) { return positions_of(position, s, plan_.slice); }, s.position);
  plan_.many = fixed_args(s, many, context);
  plan_.one = fixed_args(s, one, context);
  plan_.inv_freq = std::move(positions.rotary.inv_freq);
  plan_.attention_factor = positions.rotary.attention_factor;
  plan_.axes = std::move(positions.axes);
  plan_.position_axes = positions.count;
  plan_.store.block_pairs = positions.block_pairs;
  plan_.table_format = kernels::rotary_table_format(impl.linear.reference);
  plan_.slopes = std::move(positions.slopes);
  plan_.buckets = std::move(positions.buckets);
  plan_.sinks = w.sinks;
  plan_.rotary_table = kernels::select_rotary_table(context.traits, impl.linear.reference);
  plan_.store_rows =
      kernels::select_store_rows(context.traits, impl.state, positions.interleaved, impl.linear.reference);
  plan_.attend_many = kernels::select_attend_many(context.traits, many.algorithm, impl.state);
  plan_.attend_one = kernels::select_attend_one(context.traits, one.algorithm, impl.state);
}

}  // namespace ttt
