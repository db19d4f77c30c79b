#include "attention/attention.h"

#include <utility>

#include "base/error.h"
#include "block/checked_weights.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

// The same values as rows of `width`.
TensorView as_rows(const TensorView& x, std::int64_t width) {
  return view_of(x.data, x.format, {x.shape.elements() / width, width});
}

std::span<const float> values_of(const ConstTensorView& x) {
  return {reinterpret_cast<const float*>(x.data), static_cast<std::size_t>(x ? x.shape.elements() : 0)};
}

Scores make_scores(const AttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                   const Context& context) {
  const std::string_view who = context.name_or("Attention");
  Scores scores{.many = many_scores(impl.many, context.traits, impl.state, who),
                .one = one_scores(impl.one, context.traits, impl.state, who),
                .slice = head_slice(s, context),
                .key_dim = s.head_dim,
                .value_dim = value_width(s),
                .visible = s.visible,
                .rule = {.scale = score_scale(s.scale, s.head_dim),
                         .soft_cap = s.soft_cap.value_or(0.0f),
                         .sinks = values_of(w.sinks),
                         .bucket_bias = w.relative_bias}};
  if (const auto* alibi = std::get_if<ALiBiSpec>(&s.position)) {
    const std::vector<float> all = alibi_slopes(*alibi, s.num_heads);
    const auto first = all.begin() + scores.slice.first_head;
    scores.slopes.assign(first, first + scores.slice.heads);
  }
  if (const auto* bias = std::get_if<RelativeBiasSpec>(&s.position)) scores.buckets = relative_buckets(*bias);
  return scores;
}

kernels::StoreRowsArgs make_store_args(const AttentionSpec& s, const kernels::HeadSlice& slice) {
  const TemperatureSpec t = s.temperature.value_or(TemperatureSpec{.scale = 0});
  const auto* rope = std::get_if<RoPESpec>(&s.position);
  return {.block_pairs = rope != nullptr ? rope_block_pairs(*rope) : 0,
          .heads = slice.heads,
          .kv_heads = s.shares_rows ? 0 : slice.kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_width(s),
          .temperature = {.scale = t.scale, .floor = t.floor_scale, .offset = t.offset}};
}

}  // namespace

// ---- what is decided once -------------------------------------------------------------------------------------------

AttentionImplConfig default_impl_config(const AttentionSpec&, const DeviceTraits& traits, Strategy strategy) {
  AttentionImplConfig impl{.linear = default_linear_config(traits, strategy)};
  if (strategy == Strategy::kReference) impl.many = impl.one = ReferenceScores{};
  if (strategy == Strategy::kPerformance) impl.state = Format::kBF16;
  if (strategy == Strategy::kMemory) impl.state = Format::kInt8;
  return impl;
}

void set_weight_format(AttentionImplConfig& impl, Format format) { impl.qkv = impl.output = format; }
void set_state_format(AttentionImplConfig& impl, Format format) { impl.state = format; }

Attention::Attention(const AttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                     const Context& context)
    : plan_(make_plan(s, checked_weights(s, w, impl, context), impl, context)) {}

Attention::Plan Attention::make_plan(const AttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                                     const Context& context) {
  const bool reference = impl.linear.reference;
  const auto* rope = std::get_if<RoPESpec>(&s.position);
  const kernels::HeadSlice slice = head_slice(s, context);
  const kernels::StoreRowsArgs store = make_store_args(s, slice);
  const std::int64_t o_dim = slice.heads * value_width(s);
  Plan plan{.place = context.place,
            .hidden_dim = s.hidden_dim,
            .state_slot = context.state_slot,
            .position_axes = rope != nullptr ? rope_position_axes(*rope) : 1,
            .q_dim = slice.heads * s.head_dim,
            .k_dim = store.kv_heads * s.head_dim,
            .v_dim = store.kv_heads * value_width(s),
            .gate_dim = s.gate ? o_dim : 0,
            .o_dim = o_dim,
            .projection = make_projection(s, w, impl, context),
            .rotation = {},
            .table_dim = 0,
            .table_format = kernels::rotary_table_format(reference),
            .store = kernels::select_store_rows(
                context.traits, impl.state, rope != nullptr && rope->layout == RotaryLayout::kInterleaved, reference),
            .store_args = store,
            .scores = make_scores(s, w, impl, context),
            .gate = {},
            .output = ReducedLinear({w.o, w.o_bias}, attention_output_split(s, impl.linear, context), impl.linear,
                                    context.at("o_proj"))};
  if (rope != nullptr) {
    plan.rotation.push_back(make_rotation(*rope, context.traits, reference));
    plan.table_dim = 2 * plan.rotation[0].pairs();
  }
  if (s.gate) {
    plan.gate.push_back({kernels::select_gate(context.traits, reference),
                         kernels::select_activation(context.traits, Activation::kSigmoid, reference)});
  }
  return plan;
}

Attention::Projection Attention::make_projection(const AttentionSpec& s, const AttentionWeights& w,
                                                 const AttentionImplConfig& impl, const Context& context) {
  std::vector<LinearWeight> weights{{w.q, w.q_bias}};
  std::vector<TensorView QKV::*> outputs{&QKV::q};
  if (!s.shares_rows) {
    weights.insert(weights.end(), {{w.k, w.k_bias}, {w.v, w.v_bias}});
    outputs.insert(outputs.end(), {&QKV::k, &QKV::v});
  }
  if (s.gate) {
    weights.push_back({w.gate, w.gate_bias});
    outputs.push_back(&QKV::gate);
  }
  std::vector<Clip> clip;
  if (s.qkv_clip) clip.push_back({*s.qkv_clip, kernels::select_clamp(context.traits, impl.linear.reference)});
  return {.linear = Linear(weights, impl.linear, context),
          .outputs = std::move(outputs),
          .head_norms = make_head_norms(s, w, impl, context),
          .head_layer_norms = make_head_layer_norms(s, w, impl, context),
          .own_norms = make_own_norms(s, w, impl, context),
          .all_heads_norms = make_all_heads_norms(s, w, impl, context),
          .clip = std::move(clip)};
}

std::vector<Attention::HeadNorm> Attention::make_head_norms(const AttentionSpec& s, const AttentionWeights& w,
                                                            const AttentionImplConfig& impl, const Context& context) {
  std::vector<HeadNorm> norms;
  const auto add = [&](TensorView QKV::*part, RMSNormSpec spec, std::int64_t width, const ConstTensorView& weight,
                       std::string_view name) {
    spec.dim = width;
    norms.push_back({part, width, RMSNorm(spec, {weight}, {.reference = impl.linear.reference}, context.at(name))});
  };
  // On one rank a norm over all heads is one of a single head as wide as all of them.
  if (s.qk_norm && (!s.qk_norm_whole || context.ranks == 1)) {
    const std::int64_t heads = s.qk_norm_whole ? s.num_heads : 1, kv_heads = s.qk_norm_whole ? s.num_kv_heads : 1;
    add(&QKV::q, *s.qk_norm, heads * s.head_dim, w.q_norm, "q_norm");
    if (!s.shares_rows) add(&QKV::k, *s.qk_norm, kv_heads * s.head_dim, w.k_norm, "k_norm");
  }
  if (s.v_norm) add(&QKV::v, *s.v_norm, value_width(s), w.v_norm, "v_norm");
  return norms;
}

std::vector<Attention::HeadLayerNorm> Attention::make_head_layer_norms(const AttentionSpec& s,
                                                                       const AttentionWeights& w,
                                                                       const AttentionImplConfig& impl,
                                                                       const Context& context) {
  if (!s.qk_layer_norm_shared) return {};
  LayerNormSpec spec = *s.qk_layer_norm;
  spec.dim = s.head_dim;
  const LayerNormImplConfig norm{.reference = impl.linear.reference};
  return {{&QKV::q, LayerNorm(spec, {w.q_norm, w.q_norm_bias}, norm, context.at("q_norm"))},
          {&QKV::k, LayerNorm(spec, {w.k_norm, w.k_norm_bias}, norm, context.at("k_norm"))}};
}

std::vector<Attention::OwnNorms> Attention::make_own_norms(const AttentionSpec& s, const AttentionWeights& w,
                                                           const AttentionImplConfig& impl, const Context& context) {
  if (!s.qk_layer_norm || s.qk_layer_norm_shared) return {};
  const LayerNormImplConfig norm{.reference = impl.linear.reference};
  return {{&QKV::q, HeadNorms(*s.qk_layer_norm, w.q_norm, norm, context.at("q_norm"))},
          {&QKV::k, HeadNorms(*s.qk_layer_norm, w.k_norm, norm, context.at("k_norm"))}};
}

std::vector<Attention::AllHeadsNorm> Attention::make_all_heads_norms(const AttentionSpec& s, const AttentionWeights& w,
                                                                     const AttentionImplConfig& impl,
                                                                     const Context& context) {
  if (!s.qk_norm || !s.qk_norm_whole || context.ranks == 1) return {};
  WholeNormHeads q{.head_dim = s.head_dim}, k = q;
  for (std::int64_t r = 0; r < context.ranks; ++r) {
    const kernels::HeadSlice slice = head_slice(s.num_heads, s.num_kv_heads, r, context.ranks);
    q.held.push_back({slice.first_head, slice.heads});
    k.held.push_back({slice.first_kv, slice.kv_heads});
  }
  const bool whole_rows = impl.linear.one_kernel;
  const RMSNormImplConfig norm{.reference = impl.linear.reference};
  return {{&QKV::q, WholeNorm(*s.qk_norm, w.q_norm, q, whole_rows, norm, context.at("q_norm"))},
          {&QKV::k, WholeNorm(*s.qk_norm, w.k_norm, k, whole_rows, norm, context.at("k_norm"))}};
}

// ---- a step ---------------------------------------------------------------------------------------------------------

void Attention::check(ConstTensorView x, const Step& step, TensorView y) const {
  check_step(plan_.place, x, step, y, plan_.hidden_dim, plan_.state_slot);
  check_positions(plan_.place, step, plan_.position_axes);
  check_whole(plan_.place, step, plan_.scores.visible);
  check_masks(plan_.place, step);
}

void Attention::compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.o_dim});
  attend(exec, x, step, o);
  plan_.output.write(exec, o, out);
}

// o: [rows, heads * value_dim], before the output projection
void Attention::attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const {
  const Plan& p = plan_;
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const QKV b{frame.take({rows, p.q_dim}), frame.take({rows, p.k_dim}), frame.take({rows, p.v_dim}),
              frame.take({rows, p.gate_dim})};
  project(exec, x, b);
  rotate_and_store(exec, step, b);
  p.scores.run(exec, step,
               {.q = b.q, .o = o, .state = step.states[static_cast<std::size_t>(p.state_slot)], .masks = step.masks});
  for (const OutputGate& gate : p.gate) {
    exec.launch(gate.kernel, {.gate = b.gate, .up = o, .y = o, .activate = gate.sigmoid});
  }
}

void Attention::project(Exec& exec, ConstTensorView x, const QKV& b) const {
  const Projection& p = plan_.projection;
  LinearOutput outputs[Linear::kMaxWeights];
  for (std::size_t i = 0; i < p.outputs.size(); ++i) outputs[i].y = b.*p.outputs[i];
  Scratch::Frame frame(exec.scratch);
  p.linear.run(exec, p.linear.prepare(exec, frame, x), std::span(outputs).first(p.outputs.size()));
  for (const HeadNorm& n : p.head_norms) {
    const TensorView heads = as_rows(b.*n.part, n.width);
    n.norm.forward(exec, heads, heads);
  }
  for (const HeadLayerNorm& n : p.head_layer_norms) {
    const TensorView heads = as_rows(b.*n.part, plan_.scores.key_dim);
    n.norm.forward(exec, heads, heads);
  }
  for (const OwnNorms& n : p.own_norms) n.norm.forward(exec, b.*n.part, b.*n.part);
  for (const AllHeadsNorm& n : p.all_heads_norms) n.norm.forward(exec, b.*n.part, b.*n.part);
  for (const Clip& c : p.clip) {
    for (const TensorView& part : {b.q, b.k, b.v}) exec.launch(c.kernel, {.x = part, .limit = c.limit});
  }
}

// Rotates q and k, applies the temperature to q, and writes k and v to the state.
void Attention::rotate_and_store(Exec& exec, const Step& step, const QKV& b) const {
  const Plan& p = plan_;
  Scratch::Frame frame(exec.scratch);
  const TensorView table = frame.take({step.rows(), p.table_dim}, p.table_format);
  for (const Rotation& rotation : p.rotation) rotation.fill(exec, step, table);
  kernels::StoreRowsArgs store = p.store_args;
  store.q = b.q;
  store.k = b.k;
  store.v = b.v;
  store.table = table;
  store.batch = step.batch;
  store.state = step.states[static_cast<std::size_t>(p.state_slot)];
  exec.launch(p.store, store);
}

}  // namespace ttt
