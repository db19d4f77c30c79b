#include "attention/whole_norm.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/rows/add_rows.h"
#include "linear/gather_columns.h"
#include "normalization/rank_moments.h"

namespace ttt {
namespace {

// Heads of each rank that no rank before it holds.
std::vector<Part> counted_heads(const std::vector<Part>& held) {
  std::vector<Part> counted;
  std::int64_t next = 0;
  for (const Part& part : held) {
    const std::int64_t end = part.begin + part.count, begin = std::max(part.begin, std::min(next, end));
    counted.push_back({begin, end - begin});
    next = std::max(next, end);
  }
  return counted;
}

}  // namespace

WholeNorm::WholeNorm(const RMSNormSpec& spec, const ConstTensorView& weight, const WholeNormHeads& heads,
                     bool whole_rows, const RMSNormImplConfig& impl, const Context& context) {
  const std::vector<Part> counted = counted_heads(heads.held);
  const std::size_t rank = static_cast<std::size_t>(context.rank);
  const Part &held = heads.held[rank], &mine = counted[rank];
  const std::int64_t width = heads.head_dim;
  plan_.place = context.place;
  for (const Part& part : counted) plan_.parts.push_back(part.count * width);
  for (const std::int64_t part : plan_.parts) plan_.dim += part;
  plan_.held = {held.begin * width, held.count * width};
  plan_.counted = {(mine.begin - held.begin) * width, mine.count * width};
  plan_.one_each.assign(heads.held.size(), 1);
  plan_.eps = spec.eps;
  plan_.weight_offset = spec.weight_offset;
  plan_.weight = weight;
  plan_.moments = kernels::select_row_moments_about_zero(context.traits, impl.reference);
  plan_.norm = kernels::select_shard_norm(context.traits, impl.reference);
  plan_.whole = kernels::select_rms_norm(context.traits, impl.reference);
  plan_.form = whole_rows ? exchange_rows : exchange_squares;
}

void WholeNorm::exchange_squares(const Plan& p, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const ConstTensorView counted = columns_of(x, p.counted.begin, p.counted.count);
  const TensorView all = gather_moments(exec, frame, p.moments, counted, p.one_each);
  exec.launch(p.norm, {.x = x,
                       .weight = p.weight,
                       .y = y,
                       .statistics = all.row<float>(0),
                       .parts = p.parts,
                       .eps = p.eps,
                       .weight_offset = p.weight_offset});
}

void WholeNorm::exchange_rows(const Plan& p, Exec& exec, ConstTensorView x, TensorView y) {
  Scratch::Frame frame(exec.scratch);
  const TensorView mine = frame.take({x.dim(0), p.counted.count}), whole = frame.take({x.dim(0), p.dim});
  exec.launch(kernels::add_rows_store,
              kernels::AddRowsArgs{.x = columns_of(x, p.counted.begin, p.counted.count), .y = mine});
  gather_columns(exec, mine, p.parts, whole);
  exec.launch(p.whole, {.x = whole, .weight = p.weight, .y = whole, .eps = p.eps, .weight_offset = p.weight_offset});
  const ConstTensorView held = columns_of(ConstTensorView(whole), p.held.begin, p.held.count);
  exec.launch(kernels::add_rows_store, kernels::AddRowsArgs{.x = held, .y = y});
}

void WholeNorm::forward(Exec& exec, ConstTensorView x, TensorView y) const {
  const Shape wanted{x.dim(0), plan_.held.count};
  require(x.shape == wanted && y.shape == wanted, ErrorKind::kInternal, "[", plan_.place.path, "] x and y wanted ",
          wanted.to_string(), ", got ", x.shape.to_string(), " and ", y.shape.to_string());
  plan_.form(plan_, exec, x, y);
  exec.done(plan_.place, y);
}

}  // namespace ttt
