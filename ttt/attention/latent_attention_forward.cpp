#include <algorithm>

#include "attention/call_checks.h"
#include "attention/latent_attention.h"
#include "base/error.h"

namespace ttt {

void MultiHeadLatentAttention::check(ConstTensorView x, const Step& step, TensorView y) const {
  const Plan& p = plan_;
  const Shape wanted{step.rows(), p.hidden_dim};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", p.place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  require(p.state_slot < static_cast<std::int64_t>(step.states.size()), ErrorKind::kInternal, "[", p.place.path,
          "] wanted state slot ", p.state_slot, ", got a step with ", step.states.size());
  const std::int64_t positions = static_cast<std::int64_t>(step.batch.positions.size());
  require(positions == step.rows() || positions >= p.position_axes * step.rows(), ErrorKind::kInternal, "[",
          p.place.path, "] positions wanted ", step.rows(), " values on ", p.position_axes,
          p.position_axes == 1 ? " axis, got " : " axes, got ", positions);
}

// Fills the queries, turned, and stores the rows' latents and turned key parts.
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
  exec.launch(p.rotary_table, {.positions = step.batch.positions,
                               .axes = p.axes,
                               .inv_freq = p.inv_freq,
                               .attention_factor = p.attention_factor,
                               .table = table});
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

// parts: what both work lists share: queries, results and rows.
void MultiHeadLatentAttention::scores(Exec& exec, const Step& step, const kernels::AttendArgs& parts) const {
  const auto run = [&](const kernels::AttendKernel& kernel, kernels::AttendArgs args,
                       std::span<const std::int32_t> seqs) {
    args.q = parts.q;
    args.latent = parts.latent;
    args.o = parts.o;
    args.state = parts.state;
    args.batch = step.batch;
    args.seqs = seqs;
    args.masks = step.masks;
    Scratch::Frame frame(exec.scratch);
    const std::int64_t bytes = kernel.scratch(args, exec.threads.size());
    args.scratch = {frame.take_bytes(bytes), static_cast<std::size_t>(bytes)};
    exec.launch(kernel.run, args);
  };
  run(plan_.attend_many, plan_.many, step.batch.many);
  run(plan_.attend_one, plan_.one, step.batch.one);
}

void MultiHeadLatentAttention::attend_absorbed(Exec& exec, const Step& step, const Queries& q, TensorView o) const {
  const Plan& p = plan_;
  Scratch::Frame frame(exec.scratch);
  const TensorView absorbed = frame.take({step.rows(), p.heads * p.rank});
  const TensorView mixed = frame.take({step.rows(), p.heads * p.rank});
  kernels::LatentArgs args{.weight = p.kv_b, .weight_row = p.kv_b_row, .heads = p.heads, .key = p.nope};
  args.value = p.value;
  args.rank = p.rank;
  args.x = q.nope;
  args.y = absorbed;
  exec.launch(p.absorb, args);
  scores(exec, step,
         {.q = q.rope, .o = mixed, .state = step.states[static_cast<std::size_t>(p.state_slot)], .latent = absorbed});
  args.x = mixed;
  args.y = o;
  exec.launch(p.expand_mix, args);
}

void MultiHeadLatentAttention::attend_naive(Exec& exec, const Step& step, const Queries& q, TensorView o) const {
  const Plan& p = plan_;
  const std::int64_t seqs = step.batch.seqs(), width = p.rope + p.nope;
  std::int64_t longest = 0;
  for (std::size_t s = 0; s < step.batch.past.size(); ++s) {
    longest = std::max(longest, step.batch.past[s] + step.batch.row_begin[s + 1] - step.batch.row_begin[s]);
  }
  Scratch::Frame frame(exec.scratch);
  kernels::ExpandLatentsArgs args{.turned = q.rope,
                                  .plain = q.nope,
                                  .weight = p.kv_b,
                                  .weight_row = p.kv_b_row,
                                  .state = step.states[static_cast<std::size_t>(p.state_slot)],
                                  .batch = step.batch,
                                  .heads = p.heads,
                                  .turn = p.rope,
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
  scores(exec, step, {.q = args.q, .o = o, .state = {rows(args.k, width), rows(args.v, p.value)}});
}

void MultiHeadLatentAttention::mix(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const {
  Scratch::Frame frame(exec.scratch);
  const Queries q{frame.take({step.rows(), plan_.heads * plan_.nope}),
                  frame.take({step.rows(), plan_.heads * plan_.rope})};
  project(exec, x, step, q);
  (this->*plan_.attend)(exec, step, q, o);
}

void MultiHeadLatentAttention::forward(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, step, y);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.heads * plan_.value});
  mix(exec, x, step, o);
  plan_.output.forward(exec, o, y);
  exec.done(plan_.place, y);
}

void MultiHeadLatentAttention::forward_add(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, step, y);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.heads * plan_.value});
  mix(exec, x, step, o);
  plan_.output.forward_add(exec, o, y);
  exec.done(plan_.place, y);
}

void MultiHeadLatentAttention::prefill(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require_prefill(step, plan_.place.path);
  forward(exec, x, step, y);
}

void MultiHeadLatentAttention::decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require_decode(step, plan_.place.path);
  forward(exec, x, step, y);
}

}  // namespace ttt
