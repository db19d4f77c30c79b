#include "attention/cross_attention.h"

#include <cmath>
#include <vector>

#include "attention/call_checks.h"
#include "base/error.h"
#include "linear/default_config.h"

namespace ttt {
namespace {

std::int64_t value_dim_of(const CrossAttentionSpec& s) { return s.value_dim > 0 ? s.value_dim : s.head_dim; }
std::int64_t source_dim_of(const CrossAttentionSpec& s) { return s.source_dim > 0 ? s.source_dim : s.hidden_dim; }

kernels::HeadSlice slice_of(const CrossAttentionSpec& s, const Context& c) {
  return head_slice(s.num_heads, s.num_kv_heads, c.rank, c.ranks);
}

ProjectionSplit output_split(const CrossAttentionSpec& s, const AttentionImplConfig& impl, const Context& c) {
  std::vector<std::int64_t> inputs;
  for (std::int64_t r = 0; r < c.ranks; ++r) {
    inputs.push_back(head_slice(s.num_heads, s.num_kv_heads, r, c.ranks).heads * value_dim_of(s));
  }
  return projection_split(std::move(inputs), s.hidden_dim, impl.linear);
}

kernels::AttendArgs fixed_args(const CrossAttentionSpec& s, const ScorePlan& scores, const Context& c) {
  return {.slice = slice_of(s, c),
          .visible = {.ahead = Visible::kAll},
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .scale = s.scale.value_or(static_cast<float>(1.0 / std::sqrt(static_cast<double>(s.head_dim)))),
          .query_block = scores.blocks.query_block,
          .key_block = scores.blocks.key_block};
}

const CrossAttentionSpec& checked(const CrossAttentionSpec& spec, const AttentionWeights& weights,
                                  const AttentionImplConfig& impl, const Context& context) {
  validate(spec, context);
  AttentionWeights copy = weights;
  WeightChecker checker;
  bind_weights(copy, spec, impl, {}, context, checker);
  return spec;
}

}  // namespace

void validate(const CrossAttentionSpec& s, const Context& context) {
  const std::string_view who = context.name_or("CrossAttention");
  require(s.hidden_dim > 0 && s.source_dim >= 0 && s.head_dim > 0 && s.value_dim >= 0, ErrorKind::kUsage, "[", who,
          "] hidden_dim, source_dim, head_dim and value_dim wanted positive numbers, got ", s.hidden_dim, ", ",
          s.source_dim, ", ", s.head_dim, " and ", s.value_dim);
  require(s.num_heads > 0 && s.num_kv_heads > 0 && s.num_heads % s.num_kv_heads == 0, ErrorKind::kUsage, "[", who,
          "] num_kv_heads wanted a divisor of num_heads ", s.num_heads, ", got ", s.num_kv_heads);
  require(context.ranks >= 1 && context.ranks <= s.num_heads, ErrorKind::kUsage, "[", who,
          "] wanted at most as many ranks as heads ", s.num_heads, ", got ", context.ranks);
  require(!s.scale || std::isfinite(*s.scale), ErrorKind::kUsage, "[", who, "] scale wanted a number, got ",
          s.scale.value_or(0.0f));
  require(s.max_source_rows > 0, ErrorKind::kUsage, "[", who, "] max_source_rows wanted a positive number, got ",
          s.max_source_rows);
}

AttentionImplConfig default_impl_config(const CrossAttentionSpec&, const DeviceTraits& traits, Strategy strategy) {
  return default_impl_config(AttentionSpec{}, traits, strategy);
}

void bind_weights(AttentionWeights& w, const CrossAttentionSpec& s, const AttentionImplConfig& impl,
                  const AttentionNames& names, const Context& context, WeightBinder& binder) {
  const kernels::HeadSlice slice = slice_of(s, context);
  const std::int64_t value_dim = value_dim_of(s), source_dim = source_dim_of(s);
  const auto heads = [&](std::int64_t dim) { return Cut{0, slice.first_head * dim, slice.heads * dim}; };
  const auto kv = [&](std::int64_t dim) { return Cut{0, slice.first_kv * dim, slice.kv_heads * dim}; };
  const auto bind = [&](ConstTensorView& field, const TensorName& name, Shape shape, Cut cut, WeightUse use,
                        std::optional<Format> format = {}) {
    const std::string path(context.place.path);
    binder.bind(field, {.path = path, .name = name, .shape = shape, .cut = cut, .use = use, .format = format});
  };
  const std::int64_t q_rows = s.num_heads * s.head_dim, k_rows = s.num_kv_heads * s.head_dim;
  const std::int64_t v_rows = s.num_kv_heads * value_dim;
  bind(w.q, names.q, {q_rows, s.hidden_dim}, heads(s.head_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.k, names.k, {k_rows, source_dim}, kv(s.head_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.v, names.v, {v_rows, source_dim}, kv(value_dim), WeightUse::kMatrix, impl.qkv);
  bind(w.o, names.o, {s.hidden_dim, s.num_heads * value_dim}, output_split(s, impl, context).cut(context.rank),
       WeightUse::kMatrix, impl.output);
  if (s.q_bias) bind(w.q_bias, names.q_bias, {q_rows}, heads(s.head_dim), WeightUse::kVector);
  if (s.k_bias) bind(w.k_bias, names.k_bias, {k_rows}, kv(s.head_dim), WeightUse::kVector);
  if (s.v_bias) bind(w.v_bias, names.v_bias, {v_rows}, kv(value_dim), WeightUse::kVector);
  if (s.o_bias) bind(w.o_bias, names.o_bias, {s.hidden_dim}, {}, WeightUse::kVector);
}

StateSpec state_spec(const CrossAttentionSpec& s, const AttentionImplConfig& impl, const Context& context) {
  return {.heads = slice_of(s, context).kv_heads,
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .format = impl.state,
          .visible = {.ahead = Visible::kAll},
          .source_rows = s.max_source_rows};
}

CrossAttention::CrossAttention(const CrossAttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                               const Context& context)
    : plan_{
          .place = context.place,
          .hidden_dim = checked(s, w, impl, context).hidden_dim,
          .source_dim = source_dim_of(s),
          .key_dim = s.head_dim,
          .value_dim = value_dim_of(s),
          .state_slot = context.state_slot,
          .slice = slice_of(s, context),
          .query = Linear({{w.q, w.q_bias}}, impl.linear, context),
          .key_value = Linear({{w.k, w.k_bias}, {w.v, w.v_bias}}, impl.linear, context),
          .output = ReducedLinear({w.o, w.o_bias}, output_split(s, impl, context), impl.linear, context.at("o_proj"))} {
  const std::string_view who = context.name_or("CrossAttention");
  const ScorePlan many = score_plan(impl.many, who), one = score_plan(impl.one, who);
  plan_.many = fixed_args(s, many, context);
  plan_.one = fixed_args(s, one, context);
  plan_.store_rows = kernels::select_store_rows(context.traits, impl.state, false);
  plan_.attend_many = kernels::select_attend_many(context.traits, many.algorithm, impl.state);
  plan_.attend_one = kernels::select_attend_one(context.traits, one.algorithm, impl.state);
}

void CrossAttention::check(ConstTensorView x, std::int64_t width, const Step& step) const {
  const Shape wanted{step.rows(), width};
  require(x.shape == wanted, ErrorKind::kInternal, "[", plan_.place.path, "] x wanted ", wanted.to_string(), ", got ",
          x.shape.to_string());
  require(plan_.state_slot < static_cast<std::int64_t>(step.states.size()), ErrorKind::kInternal, "[", plan_.place.path,
          "] wanted state slot ", plan_.state_slot, ", got a step with ", step.states.size());
  require(static_cast<std::int64_t>(step.batch.source_rows.size()) == step.batch.seqs(), ErrorKind::kInternal, "[",
          plan_.place.path, "] source_rows wanted ", step.batch.seqs(), " values, got ", step.batch.source_rows.size());
}

void CrossAttention::store(Exec& exec, ConstTensorView source, const Step& step) const {
  const Plan& p = plan_;
  check(source, p.source_dim, step);
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const TensorView k = frame.take({rows, p.slice.kv_heads * p.key_dim});
  const TensorView v = frame.take({rows, p.slice.kv_heads * p.value_dim}), none = frame.take({rows, 0});
  p.key_value.run(exec, p.key_value.prepare(exec, frame, source), {{k}, {v}});
  exec.launch(p.store_rows, {.q = none,
                             .k = k,
                             .v = v,
                             .table = none,
                             .kv_heads = p.slice.kv_heads,
                             .key_dim = p.key_dim,
                             .value_dim = p.value_dim,
                             .batch = step.batch,
                             .state = step.states[static_cast<std::size_t>(p.state_slot)]});
}

void CrossAttention::scores(Exec& exec, const kernels::AttendKernel& kernel, kernels::AttendArgs args, const Step& step,
                            std::span<const std::int32_t> seqs, TensorView q, TensorView o) const {
  args.q = q;
  args.o = o;
  args.batch = step.batch;
  args.seqs = seqs;
  args.state = step.states[static_cast<std::size_t>(plan_.state_slot)];
  args.stored = step.batch.source_rows;
  Scratch::Frame frame(exec.scratch);
  const std::int64_t bytes = kernel.scratch(args, exec.threads.size());
  args.scratch = {frame.take_bytes(bytes), static_cast<std::size_t>(bytes)};
  exec.launch(kernel.run, args);
}

void CrossAttention::attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const {
  Scratch::Frame frame(exec.scratch);
  const TensorView q = frame.take({step.rows(), plan_.slice.heads * plan_.key_dim});
  plan_.query.run(exec, plan_.query.prepare(exec, frame, x), {{q}});
  scores(exec, plan_.attend_many, plan_.many, step, step.batch.many, q, o);
  scores(exec, plan_.attend_one, plan_.one, step, step.batch.one, q, o);
}

void CrossAttention::forward(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, plan_.hidden_dim, step);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.slice.heads * plan_.value_dim});
  attend(exec, x, step, o);
  plan_.output.forward(exec, o, y);
  exec.done(plan_.place, y);
}

void CrossAttention::forward_add(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, plan_.hidden_dim, step);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.slice.heads * plan_.value_dim});
  attend(exec, x, step, o);
  plan_.output.forward_add(exec, o, y);
  exec.done(plan_.place, y);
}

void CrossAttention::prefill(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require_prefill(step, plan_.place.path);
  forward(exec, x, step, y);
}

void CrossAttention::decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require_decode(step, plan_.place.path);
  forward(exec, x, step, y);
}

}  // namespace ttt
