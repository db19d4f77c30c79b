#include "attention/latent_attention.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "block/checked_weights.h"

namespace ttt {
namespace {

using Spec = MultiHeadLatentAttentionSpec;
using Impl = MultiHeadLatentAttentionImplConfig;
using Weights = MultiHeadLatentAttentionWeights;

// Heads are cut over ranks, and the last projection with them, as those of attention whose values are v_head_dim wide.
AttentionSpec core_of(const Spec& s) {
  return {.hidden_dim = s.hidden_dim, .num_heads = s.num_heads, .num_kv_heads = s.num_heads, .head_dim = s.v_head_dim};
}

float scale_of(const Spec& s) {
  double scale = 1 / std::sqrt(static_cast<double>(s.qk_nope_head_dim + s.qk_rope_head_dim));
  const YaRNScaling* yarn = std::get_if<YaRNScaling>(&s.rope.scaling);
  if (yarn != nullptr && yarn->mscale_all_dim != 0 && yarn->factor > 1) {
    const double magnitude = 0.1 * yarn->mscale_all_dim * std::log(yarn->factor) + 1;
    scale *= magnitude * magnitude;
  }
  return s.scale.value_or(static_cast<float>(scale));
}

// Absorbed: all heads read the one latent, whose parts are the stored keys and values. Naive: heads have their own,
// which are computed in f32.
Scores make_scores(const Spec& s, const Impl& impl, const Context& context) {
  const std::string_view who = context.name_or("MultiHeadLatentAttention");
  const bool naive = std::holds_alternative<NaiveLatents>(impl.form);
  const std::int64_t heads = head_slice(core_of(s), context).heads;
  const Format read = naive ? Format::kF32 : impl.state;
  return {.many = many_scores(impl.many, context.traits, read, who),
          .one = one_scores(impl.one, context.traits, read, who),
          .slice = {.heads = heads, .kv_heads = naive ? heads : 1, .group = naive ? 1 : heads},
          .key_dim = naive ? s.qk_rope_head_dim + s.qk_nope_head_dim : s.qk_rope_head_dim,
          .value_dim = naive ? s.v_head_dim : s.kv_lora_rank,
          .rule = {.scale = scale_of(s)}};
}

std::vector<LinearWeight> inputs_of(const Spec& s, const Weights& w) {
  std::vector<LinearWeight> all{{w.latent, w.latent_bias}, {w.k_rope, w.k_rope_bias}};
  if (s.q_lora_rank > 0) all.push_back({w.q_a, w.q_a_bias});
  return all;
}

RMSNorm latent_norm(const Spec& s, std::int64_t dim, const ConstTensorView& weight, const Impl& impl,
                    const Context& c) {
  return {{.dim = dim, .eps = s.norm_eps}, {weight}, {.reference = impl.linear.reference}, c};
}

std::vector<RMSNorm> query_norms(const Spec& s, const Weights& w, const Impl& impl, const Context& c) {
  std::vector<RMSNorm> norms;
  if (s.q_lora_rank > 0) norms.push_back(latent_norm(s, s.q_lora_rank, w.q_a_norm, impl, c.at("q_a_layernorm")));
  return norms;
}

}  // namespace

void validate(const Spec& s, const Context& context) {
  const std::string_view who = context.name_or("MultiHeadLatentAttention");
  require(s.hidden_dim > 0 && s.num_heads > 0 && s.q_lora_rank >= 0, ErrorKind::kUsage, "[", who,
          "] hidden_dim and num_heads wanted positive numbers and q_lora_rank at least 0, got ", s.hidden_dim, ", ",
          s.num_heads, " and ", s.q_lora_rank);
  require(s.kv_lora_rank > 0 && s.qk_nope_head_dim > 0 && s.qk_rope_head_dim > 0 && s.v_head_dim > 0, ErrorKind::kUsage,
          "[", who, "] kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim and v_head_dim wanted positive numbers, got ",
          s.kv_lora_rank, ", ", s.qk_nope_head_dim, ", ", s.qk_rope_head_dim, " and ", s.v_head_dim);
  require(context.ranks >= 1 && context.ranks <= s.num_heads, ErrorKind::kUsage, "[", who,
          "] wanted at most as many ranks as heads ", s.num_heads, ", got ", context.ranks);
  validate(s.rope, text("[", who, "] rope"));
  require(s.rope.rotary_dim == s.qk_rope_head_dim, ErrorKind::kUsage, "[", who,
          "] rope.rotary_dim wanted qk_rope_head_dim ", s.qk_rope_head_dim, ", got ", s.rope.rotary_dim);
  require(!s.scale || std::isfinite(*s.scale), ErrorKind::kUsage, "[", who, "] scale wanted a number, got ",
          s.scale.value_or(0.0f));
}

Impl default_impl_config(const Spec&, const DeviceTraits& traits, Strategy strategy) {
  const AttentionImplConfig core = default_impl_config(AttentionSpec{}, traits, strategy);
  return {.many = core.many, .one = core.one, .linear = core.linear, .state = core.state};
}

void bind_weights(Weights& w, const Spec& s, const Impl& impl, const MultiHeadLatentAttentionNames& names,
                  const Context& context, WeightBinder& binder) {
  const AttentionSpec core = core_of(s);
  const HeadsBinder bind{binder, context, head_slice(core, context)};
  const std::int64_t nope = s.qk_nope_head_dim, rope = s.qk_rope_head_dim, value = s.v_head_dim, n = s.num_heads;
  const bool low_rank = s.q_lora_rank > 0;
  const TensorName& q = low_rank ? names.q_b : names.q;
  const std::int64_t q_in = low_rank ? s.q_lora_rank : s.hidden_dim;
  if (low_rank) {
    bind.matrix(w.q_a, names.q_a, {s.q_lora_rank, s.hidden_dim}, {}, impl.qkv);
    bind.vector(w.q_a_norm, names.q_a_norm, s.q_lora_rank);
    if (s.bias) bind.vector(w.q_a_bias, names.q_a_bias, s.q_lora_rank);
  }
  bind.matrix(w.q_nope, every(q, 0, nope, nope + rope, n), {n * nope, q_in}, bind.heads(nope), impl.qkv);
  bind.matrix(w.q_rope, every(q, nope, rope, nope + rope, n), {n * rope, q_in}, bind.heads(rope), impl.qkv);
  bind.matrix(w.latent, rows(names.kv_a, 0, s.kv_lora_rank), {s.kv_lora_rank, s.hidden_dim}, {}, impl.qkv);
  bind.matrix(w.k_rope, rows(names.kv_a, s.kv_lora_rank, rope), {rope, s.hidden_dim}, {}, impl.qkv);
  if (s.bias) {
    bind.vector(w.latent_bias, rows(names.kv_a_bias, 0, s.kv_lora_rank), s.kv_lora_rank);
    bind.vector(w.k_rope_bias, rows(names.kv_a_bias, s.kv_lora_rank, rope), rope);
    bind.vector(w.o_bias, names.o_bias, s.hidden_dim);
  }
  bind.vector(w.kv_a_norm, names.kv_a_norm, s.kv_lora_rank);
  const TensorName keys = every(names.kv_b, 0, nope, nope + value, n), own_keys = names.k_b;
  const TensorName values = every(names.kv_b, nope, value, nope + value, n), own_values = names.v_b;
  bind.matrix(w.k_b, own_keys.name.empty() ? keys : own_keys, {n * nope, s.kv_lora_rank}, bind.heads(nope), impl.kv_b);
  bind.matrix(w.v_b, own_values.name.empty() ? values : own_values, {n * value, s.kv_lora_rank}, bind.heads(value),
              impl.kv_b);
  bind.matrix(w.o, names.o, {s.hidden_dim, n * value},
              attention_output_split(core, impl.linear, context).cut(context.rank), impl.output);
}

StateSpec state_spec(const Spec& s, const Impl& impl, const Context&) {
  return {.heads = 1,
          .key_dim = s.qk_rope_head_dim,
          .value_dim = s.kv_lora_rank,
          .format = impl.state,
          .position_axes = rope_position_axes(s.rope)};
}

void set_weight_format(Impl& impl, Format format) { impl.qkv = impl.kv_b = impl.output = format; }
void set_state_format(Impl& impl, Format format) { impl.state = format; }

MultiHeadLatentAttention::MultiHeadLatentAttention(const Spec& s, const Weights& w, const Impl& impl,
                                                   const Context& context)
    : plan_(make_plan(s, checked_weights(s, w, impl, context), impl, context)) {}

MultiHeadLatentAttention::Plan MultiHeadLatentAttention::make_plan(const Spec& s, const Weights& w, const Impl& impl,
                                                                   const Context& context) {
  const AttentionSpec core = core_of(s);
  const bool interleaved = s.rope.layout == RotaryLayout::kInterleaved, reference = impl.linear.reference;
  const bool naive = std::holds_alternative<NaiveLatents>(impl.form);
  return {.place = context.place,
          .hidden_dim = s.hidden_dim,
          .state_slot = context.state_slot,
          .position_axes = rope_position_axes(s.rope),
          .heads = head_slice(core, context).heads,
          .nope = s.qk_nope_head_dim,
          .rope = s.qk_rope_head_dim,
          .value = s.v_head_dim,
          .rank = s.kv_lora_rank,
          .q_rank = s.q_lora_rank,
          .inputs = Linear(inputs_of(s, w), impl.linear, context),
          .query = Linear({{w.q_nope, {}}, {w.q_rope, {}}}, impl.linear, context),
          .query_norm = query_norms(s, w, impl, context),
          .latent_norm = latent_norm(s, s.kv_lora_rank, w.kv_a_norm, impl, context.at("kv_a_layernorm")),
          .rotation = make_rotation(s.rope, context.traits, reference),
          .block_pairs = rope_block_pairs(s.rope),
          .table_format = kernels::rotary_table_format(reference),
          .store_rows = kernels::select_store_rows(context.traits, impl.state, interleaved, reference),
          .k_b = w.k_b,
          .v_b = w.v_b,
          .k_b_row = kernels::select_latent_row(w.k_b.format, w.k_b.layout),
          .v_b_row = kernels::select_latent_row(w.v_b.format, w.v_b.layout),
          .absorb_queries = kernels::select_absorb_queries(context.traits, reference),
          .project_values = kernels::select_project_values(context.traits, reference),
          .expand = kernels::select_expand_latents(context.traits, reference),
          .scores = make_scores(s, impl, context),
          .attend = naive ? &MultiHeadLatentAttention::attend_naive : &MultiHeadLatentAttention::attend_absorbed,
          .output = ReducedLinear({w.o, w.o_bias}, attention_output_split(core, impl.linear, context), impl.linear,
                                  context.at("o_proj"))};
}

void MultiHeadLatentAttention::check(ConstTensorView x, const Step& step, TensorView y) const {
  check_step(plan_.place, x, step, y, plan_.hidden_dim, plan_.state_slot);
  check_positions(plan_.place, step, plan_.position_axes);
  check_masks(plan_.place, step);
}

void MultiHeadLatentAttention::compute(Exec& exec, ConstTensorView x, const Step& step, const BlockOutput& out) const {
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({rows, plan_.heads * plan_.value});
  {
    Scratch::Frame inner(exec.scratch);
    const Queries q{inner.take({rows, plan_.heads * plan_.nope}), inner.take({rows, plan_.heads * plan_.rope})};
    project(exec, x, step, q);
    (this->*plan_.attend)(exec, step, q, o);
  }
  plan_.output.write(exec, o, out);
}

// Fills the queries, whose second part is rotated, and stores the rows' latents and rotated parts of keys.
void MultiHeadLatentAttention::project(Exec& exec, ConstTensorView x, const Step& step, const Queries& q) const {
  const Plan& p = plan_;
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const TensorView latent = frame.take({rows, p.rank}), key = frame.take({rows, p.rope});
  const TensorView q_latent = frame.take({rows, p.q_rank});
  const LinearOutput outputs[] = {{latent}, {key}, {q_latent}};
  p.inputs.run(exec, p.inputs.prepare(exec, frame, x),
               std::span(outputs).first(static_cast<std::size_t>(p.inputs.weights())));
  p.latent_norm.forward(exec, latent, latent);
  ConstTensorView input = x;
  for (const RMSNorm& norm : p.query_norm) {
    norm.forward(exec, q_latent, q_latent);
    input = q_latent;
  }
  p.query.run(exec, p.query.prepare(exec, frame, input), {{q.nope}, {q.rope}});
  const TensorView table = frame.take({rows, p.rope}, p.table_format);
  p.rotation.fill(exec, step, table);
  exec.launch(p.store_rows, {.q = q.rope,
                             .k = key,
                             .v = latent,
                             .table = table,
                             .block_pairs = p.block_pairs,
                             .heads = p.heads,
                             .kv_heads = 1,
                             .key_dim = p.rope,
                             .value_dim = p.rank,
                             .batch = step.batch,
                             .state = step.states[static_cast<std::size_t>(p.state_slot)]});
}

void MultiHeadLatentAttention::attend_absorbed(Exec& exec, const Step& step, const Queries& q, TensorView o) const {
  const Plan& p = plan_;
  Scratch::Frame frame(exec.scratch);
  const TensorView absorbed = frame.take({step.rows(), p.heads * p.rank});
  const TensorView latents = frame.take({step.rows(), p.heads * p.rank});  // weighted sums of stored latents
  kernels::LatentArgs args{.weight = p.k_b, .weight_row = p.k_b_row, .heads = p.heads, .key = p.nope};
  args.value = p.value;
  args.rank = p.rank;
  args.x = q.nope;
  args.y = absorbed;
  exec.launch(p.absorb_queries, args);
  p.scores.run(exec, step,
               {.q = q.rope,
                .latent = absorbed,
                .o = latents,
                .state = step.states[static_cast<std::size_t>(p.state_slot)],
                .masks = step.masks});
  args.weight = p.v_b;
  args.weight_row = p.v_b_row;
  args.x = latents;
  args.y = o;
  exec.launch(p.project_values, args);
}

void MultiHeadLatentAttention::attend_naive(Exec& exec, const Step& step, const Queries& q, TensorView o) const {
  const Plan& p = plan_;
  const std::int64_t seqs = step.batch.seqs(), width = p.rope + p.nope;
  std::int64_t longest = 0;
  for (std::size_t s = 0; s < step.batch.past.size(); ++s) {
    longest = std::max(longest, step.batch.past[s] + step.batch.row_begin[s + 1] - step.batch.row_begin[s]);
  }
  Scratch::Frame frame(exec.scratch);
  kernels::ExpandLatentsArgs args{.q_rope = q.rope,
                                  .q_nope = q.nope,
                                  .key_weight = p.k_b,
                                  .value_weight = p.v_b,
                                  .key_row = p.k_b_row,
                                  .value_row = p.v_b_row,
                                  .state = step.states[static_cast<std::size_t>(p.state_slot)],
                                  .batch = step.batch,
                                  .heads = p.heads,
                                  .rope = p.rope,
                                  .key = p.nope,
                                  .value = p.value,
                                  .rank = p.rank,
                                  .longest = longest,
                                  .q = frame.take({step.rows(), p.heads * width}),
                                  .k = frame.take({seqs * p.heads * longest, width}),
                                  .v = frame.take({seqs * p.heads * longest, p.value})};
  const std::size_t floats = static_cast<std::size_t>(exec.threads.size() * kernels::decoded_floats(args));
  args.decoded = {reinterpret_cast<float*>(frame.take_bytes(static_cast<std::int64_t>(floats * sizeof(float)))),
                  floats};
  args.table = {reinterpret_cast<std::int32_t*>(frame.take_bytes(seqs * 4)), static_cast<std::size_t>(seqs)};
  exec.launch(p.expand, args);
  const auto rows = [&](const TensorView& x, std::int64_t dim) {
    const std::int64_t row = dim * static_cast<std::int64_t>(sizeof(float));
    return RowsView{.data = x.data,
                    .page_rows = std::max<std::int64_t>(longest, 1),
                    .page_stride = p.heads * longest * row,
                    .head_stride = longest * row,
                    .row_stride = row,
                    .page_table = args.table.data(),
                    .table_stride = 1};
  };
  p.scores.run(exec, step,
               {.q = args.q, .o = o, .state = {rows(args.k, width), rows(args.v, p.value)}, .masks = step.masks});
}

}  // namespace ttt
