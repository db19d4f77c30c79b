#include "attention/attention.h"
#include "attention/call_checks.h"
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

void check_masks(const Step& step, std::string_view who) {
  require(step.masks.empty() || static_cast<std::int64_t>(step.masks.size()) == step.batch.seqs(), ErrorKind::kUsage,
          "[", who, "] masks wanted one of each of ", step.batch.seqs(), " sequences, got ", step.masks.size());
  for (std::size_t i = 0; i < step.masks.size(); ++i) {
    const std::int64_t rows = step.batch.row_begin[i + 1] - step.batch.row_begin[i];
    const Shape wanted{rows, step.batch.past[i] + rows};
    const ConstTensorView& mask = step.masks[i];
    require(!mask || (mask.shape == wanted && mask.format == Format::kF32), ErrorKind::kUsage, "[", who, "] masks[", i,
            "] wanted f32 ", wanted.to_string(), ", got ", name_of(mask.format), " ", mask.shape.to_string());
  }
}

}  // namespace

void Attention::check(ConstTensorView x, const Step& step, TensorView y) const {
  const Plan& p = plan_;
  const Shape wanted{step.rows(), p.hidden_dim};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", p.place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  require(p.state_slot < static_cast<std::int64_t>(step.states.size()), ErrorKind::kInternal, "[", p.place.path,
          "] wanted state slot ", p.state_slot, ", got a step with ", step.states.size());
  // One axis serves for all of them.
  const std::int64_t positions = static_cast<std::int64_t>(step.batch.positions.size());
  require(positions == step.rows() || positions >= p.position_axes * step.rows(), ErrorKind::kInternal, "[",
          p.place.path, "] positions wanted ", step.rows(), " values on ", p.position_axes,
          p.position_axes == 1 ? " axis, got " : " axes, got ", positions);
  check_masks(step, p.place.path);
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
  args.buckets = plan_.buckets;
  args.bucket_bias = plan_.bucket_bias;
  args.masks = step.masks;
  Scratch::Frame frame(exec.scratch);
  const std::int64_t bytes = kernel.scratch(args, exec.threads.size());
  args.scratch = {frame.take_bytes(bytes), static_cast<std::size_t>(bytes)};
  exec.launch(kernel.run, args);
}

void Attention::project(Exec& exec, ConstTensorView x, const QKV& b) const {
  LinearOutput outputs[Linear::kMaxWeights];
  for (std::size_t i = 0; i < plan_.outputs.size(); ++i) outputs[i].y = b.*plan_.outputs[i];
  Scratch::Frame frame(exec.scratch);
  plan_.qkv.run(exec, plan_.qkv.prepare(exec, frame, x), std::span(outputs).first(plan_.outputs.size()));
  for (const Norm& n : plan_.norms) n.norm.forward(exec, as_rows(b.*n.part, n.width), as_rows(b.*n.part, n.width));
  for (const HeadsNorm& n : plan_.heads_norms) n.norm.forward(exec, b.*n.part, b.*n.part);
}

// o: [rows, heads * value_dim], before the output projection
void Attention::attend(Exec& exec, ConstTensorView x, const Step& step, TensorView o) const {
  const Plan& p = plan_;
  const std::int64_t rows = step.rows();
  Scratch::Frame frame(exec.scratch);
  const QKV b{frame.take({rows, p.slice.heads * p.head_dim}), frame.take({rows, p.store.kv_heads * p.head_dim}),
              frame.take({rows, p.store.kv_heads * p.value_dim}), frame.take({rows, p.gate_dim})};
  project(exec, x, b);
  const TensorView table = frame.take({rows, 2 * static_cast<std::int64_t>(p.inv_freq.size())}, p.table_format);
  exec.launch(p.rotary_table, {.positions = step.batch.positions,
                               .axes = p.axes,
                               .inv_freq = p.inv_freq,
                               .attention_factor = p.attention_factor,
                               .table = table});
  kernels::StoreRowsArgs store = p.store;
  store.q = b.q;
  store.k = b.k;
  store.v = b.v;
  store.table = table;
  store.batch = step.batch;
  store.state = step.states[static_cast<std::size_t>(p.state_slot)];
  exec.launch(p.store_rows, store);
  scores(exec, p.attend_many, p.many, step, step.batch.many, b, o);
  scores(exec, p.attend_one, p.one, step, step.batch.one, b, o);
  const TensorView gated = view_of(o.data, o.format, {rows, p.gate_dim});
  exec.launch(p.gate, {.gate = b.gate, .up = gated, .y = gated, .activate = p.sigmoid});
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
  require_prefill(step, plan_.place.path);
  forward(exec, x, step, y);
}

void Attention::decode(Exec& exec, ConstTensorView x, const Step& step, TensorView y) const {
  require_decode(step, plan_.place.path);
  forward(exec, x, step, y);
}

}  // namespace ttt
