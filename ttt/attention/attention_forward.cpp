#include "attention/attention.h"
#include "base/error.h"

namespace ttt {
namespace {

// The same values as rows of `width`.
TensorView as_rows(const TensorView& x, std::int64_t width) {
  return view_of(x.data, x.format, {x.shape.elements() / width, width});
}

std::span<const float> values_of(const ConstTensorView& x) {
  return {reinterpret_cast<const float*>(x.data), static_cast<std::size_t>(x ? x.shape.elements() : 0)};
}

}  // namespace

void Attention::check(ConstTensorView x, const Step& step, TensorView y) const {
  const Plan& p = plan_;
  const Shape wanted{step.rows(), p.hidden_dim};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", p.place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  require(p.state_slot < static_cast<std::int64_t>(step.states.size()), ErrorKind::kInternal, "[", p.place.path,
          "] wanted state slot ", p.state_slot, ", got a step with ", step.states.size());
  require(static_cast<std::int64_t>(step.batch.positions.size()) >= step.rows(), ErrorKind::kInternal, "[",
          p.place.path, "] positions wanted ", step.rows(), " values, got ", step.batch.positions.size());
}

void Attention::scores(Exec& exec, const kernels::AttendKernel& kernel, kernels::AttendArgs args, const Step& step,
                       std::span<const std::int32_t> seqs, const QKV& b, TensorView o) const {
  args.q = b.q;
  args.o = o;
  args.batch = step.batch;
  args.seqs = seqs;
  args.state = step.states[static_cast<std::size_t>(plan_.state_slot)];
  args.sinks = values_of(plan_.sinks);
  args.slopes = plan_.slopes;
  Scratch::Frame frame(exec.scratch);
  const std::int64_t bytes = kernel.scratch(args, exec.threads.size());
  args.scratch = {frame.take_bytes(bytes), static_cast<std::size_t>(bytes)};
  exec.launch(kernel.run, args);
}

// o: [rows, heads * value_dim], before the output projection
void Attention::attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const {
  const Plan& p = plan_;
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const QKV b{frame.take({rows, p.slice.heads * p.head_dim}), frame.take({rows, p.slice.kv_heads * p.head_dim}),
              frame.take({rows, p.slice.kv_heads * p.value_dim})};
  {
    Scratch::Frame inner(exec.scratch);
    p.qkv.run(exec, p.qkv.prepare(exec, inner, x), {{b.q}, {b.k}, {b.v}});
  }
  const TensorView normed[] = {as_rows(b.q, p.head_dim), as_rows(b.k, p.head_dim)};
  for (std::size_t i = 0; i < p.qk_norm.size(); ++i) p.qk_norm[i].forward(exec, normed[i], normed[i]);
  const TensorView table = frame.take({rows, 2 * static_cast<std::int64_t>(p.inv_freq.size())});
  exec.launch(p.rotary_table, {.positions = step.batch.positions,
                               .inv_freq = p.inv_freq,
                               .attention_factor = p.attention_factor,
                               .table = table});
  exec.launch(p.store_rows, {.q = b.q,
                             .k = b.k,
                             .v = b.v,
                             .table = table,
                             .heads = p.slice.heads,
                             .kv_heads = p.slice.kv_heads,
                             .key_dim = p.head_dim,
                             .value_dim = p.value_dim,
                             .batch = step.batch,
                             .state = step.states[static_cast<std::size_t>(p.state_slot)]});
  scores(exec, p.attend_many, p.many, step, step.batch.many, b, o);
  scores(exec, p.attend_one, p.one, step, step.batch.one, b, o);
}

void Attention::forward(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, step, y);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.slice.heads * plan_.value_dim});
  attend(exec, x, step, o);
  plan_.output.forward(exec, o, y);
  exec.done(plan_.place, y);
}

void Attention::forward_add(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  check(x, step, y);
  Scratch::Frame frame(exec.scratch);
  const TensorView o = frame.take({step.rows(), plan_.slice.heads * plan_.value_dim});
  attend(exec, x, step, o);
  plan_.output.forward_add(exec, o, y);
  exec.done(plan_.place, y);
}

void Attention::prefill(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  for (const std::int32_t seq : step.batch.one) {
    require(step.batch.past[static_cast<std::size_t>(seq)] == 0, ErrorKind::kUsage, "[", plan_.place.path,
            "] prefill wanted several rows for sequence ", seq, " of the step, which has ",
            step.batch.past[static_cast<std::size_t>(seq)], " stored, got 1");
  }
  forward(exec, x, step, y);
}

void Attention::decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require(static_cast<std::int64_t>(step.batch.one.size()) == step.batch.seqs(), ErrorKind::kUsage, "[",
          plan_.place.path, "] decode wanted one row for each of ", step.batch.seqs(), " sequences, got ", step.rows(),
          " rows");
  forward(exec, x, step, y);
}

}  // namespace ttt
