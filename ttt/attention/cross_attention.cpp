#include "attention/cross_attention.h"

#include <cmath>
#include <vector>

#include "base/error.h"
#include "block/checked_weights.h"

namespace ttt {
namespace {

std::int64_t source_dim_of(const CrossAttentionSpec& s) { return s.source_dim > 0 ? s.source_dim : s.hidden_dim; }

// What it has in common with attention to rows of its own.
AttentionSpec core_of(const CrossAttentionSpec& s) {
  return {.hidden_dim = s.hidden_dim,
          .num_heads = s.num_heads,
          .num_kv_heads = s.num_kv_heads,
          .head_dim = s.head_dim,
          .value_dim = s.value_dim,
          .scale = s.scale,
          .visible = {.ahead = Visible::kAll},
          .q_bias = s.q_bias,
          .k_bias = s.k_bias,
          .v_bias = s.v_bias,
          .o_bias = s.o_bias};
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
  const AttentionSpec core = core_of(s);
  bind_projections(w, core, source_dim_of(s), impl, names, {binder, context, head_slice(core, context)});
}

StateSpec state_spec(const CrossAttentionSpec& s, const AttentionImplConfig& impl, const Context& context) {
  StateSpec state = state_spec(core_of(s), impl, context);
  state.source_rows = s.max_source_rows;
  state.step_only = false;  // a source's rows are read by every later step
  return state;
}

CrossAttention::CrossAttention(const CrossAttentionSpec& s, const AttentionWeights& w, const AttentionImplConfig& impl,
                               const Context& context)
    : plan_(make_plan(s, checked_weights(s, w, impl, context), impl, context)) {}

CrossAttention::Plan CrossAttention::make_plan(const CrossAttentionSpec& s, const AttentionWeights& w,
                                               const AttentionImplConfig& impl, const Context& context) {
  const std::string_view who = context.name_or("CrossAttention");
  const AttentionSpec core = core_of(s);
  const kernels::HeadSlice slice = head_slice(core, context);
  const std::int64_t key_dim = s.head_dim, value_dim = value_width(core);
  return {.place = context.place,
          .hidden_dim = s.hidden_dim,
          .source_dim = source_dim_of(s),
          .state_slot = context.state_slot,
          .query = Linear({{w.q, w.q_bias}}, impl.linear, context),
          .key_value = Linear({{w.k, w.k_bias}, {w.v, w.v_bias}}, impl.linear, context),
          .store_rows = kernels::select_store_rows(context.traits, impl.state, false),
          .scores = {.many = many_scores(impl.many, context.traits, impl.state, who),
                     .one = one_scores(impl.one, context.traits, impl.state, who),
                     .slice = slice,
                     .key_dim = key_dim,
                     .value_dim = value_dim,
                     .visible = core.visible,
                     .rule = {.scale = score_scale(s.scale, key_dim)}},
          .output = ReducedLinear({w.o, w.o_bias}, attention_output_split(core, impl.linear, context), impl.linear,
                                  context.at("o_proj"))};
}

void CrossAttention::check(ConstTensorView x, const Step& step, TensorView y) const {
  check_source(x, y, plan_.hidden_dim, step);
}

void CrossAttention::check_source(ConstTensorView x, ConstTensorView y, std::int64_t width, const Step& step) const {
  check_step(plan_.place, x, step, y, width, plan_.state_slot);
  require(static_cast<std::int64_t>(step.batch.source_rows.size()) == step.batch.seqs(), ErrorKind::kInternal, "[",
          plan_.place.path, "] source_rows wanted ", step.batch.seqs(), " values, got ", step.batch.source_rows.size());
}

void CrossAttention::store(Exec& exec, ConstTensorView source, const Step& step) const {
  const Plan& p = plan_;
  const Scores& scores = p.scores;
  check_source(source, source, p.source_dim, step);
  const std::int64_t rows = step.rows(), kv_heads = scores.slice.kv_heads;
  Scratch::Frame frame(exec.scratch);
  const TensorView k = frame.take({rows, kv_heads * scores.key_dim});
  const TensorView v = frame.take({rows, kv_heads * scores.value_dim}), none = frame.take({rows, 0});
  p.key_value.run(exec, p.key_value.prepare(exec, frame, source), {{k}, {v}});
  exec.launch(p.store_rows, {.q = none,
                             .k = k,
                             .v = v,
                             .table = none,
                             .kv_heads = kv_heads,
                             .key_dim = scores.key_dim,
                             .value_dim = scores.value_dim,
                             .batch = step.batch,
                             .state = step.states[static_cast<std::size_t>(p.state_slot)]});
}

void CrossAttention::compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const {
  const Plan& p = plan_;
  const std::int64_t rows = step.rows(), heads = p.scores.slice.heads;
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({rows, heads * p.scores.value_dim});
  {
    Scratch::Frame inner(exec.scratch);
    const TensorView q = inner.take({rows, heads * p.scores.key_dim});
    p.query.run(exec, p.query.prepare(exec, inner, x), {{q}});
    p.scores.run(exec, step,
                 {.q = q,
                  .o = o,
                  .state = step.states[static_cast<std::size_t>(p.state_slot)],
                  .stored = step.batch.source_rows});
  }
  p.output.write(exec, o, out);
}

}  // namespace ttt
