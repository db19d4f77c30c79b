#include "checkpoint/check_weights.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "checkpoint/weight_values.h"

namespace ttt {
namespace {

NonFinite check_tensor(const StoredTensor& t) {
  // As rows of whole blocks, whatever the extents.
  const std::int64_t columns = t.shape.rank() == 0 ? 1 : t.shape[t.shape.rank() - 1];
  WeightForm form;
  StoredTensor plain = t;
  plain.rotary_heads = 0;
  plain.transposed = plain.subtract_one = false;
  form.tensor = &plain;
  // Of a transposed tensor the file's rows run along the first extent.
  form.columns = !t.transposed ? columns : t.shape.rank() == 3 ? t.shape[1] : t.shape[0];
  form.rows = form.columns == 0 ? 0 : t.shape.elements() / form.columns;
  form.column_count = form.columns;
  NonFinite found{.name = t.name};
  if (form.rows == 0 || form.columns == 0) return found;  // the other extent may be any number then
  constexpr std::int64_t kAtOnce = 16384;                 // whole blocks of every format
  std::vector<float> values(static_cast<std::size_t>(std::min(form.columns, kAtOnce)));
  for (std::int64_t r = 0; r < form.rows; ++r) {
    for (std::int64_t begin = 0; begin < form.columns; begin += kAtOnce) {
      form.column_begin = begin;
      form.column_count = std::min(kAtOnce, form.columns - begin);
      read_values(form, r, 1, values.data());
      for (std::int64_t c = 0; c < form.column_count; ++c) {
        const float v = values[static_cast<std::size_t>(c)];
        if (std::isfinite(v)) continue;
        if (found.nans + found.infinities == 0) found.first = r * form.columns + begin + c;
        ++(std::isnan(v) ? found.nans : found.infinities);
      }
    }
  }
  return found;
}

}  // namespace

std::vector<NonFinite> check_weights(const Checkpoint& checkpoint, const ParallelFor& parallel_for) {
  const std::vector<StoredTensor>& all = checkpoint.tensors();
  std::vector<NonFinite> found(all.size());
  parallel_for(static_cast<std::int64_t>(all.size()), [&](std::int64_t i) {
    const StoredTensor& t = all[static_cast<std::size_t>(i)];
    const bool readable =
        is_dense(t.format) || t.format == Format::kF64 || is_grouped(t.format) || t.assembled != nullptr;
    if (readable) found[static_cast<std::size_t>(i)] = check_tensor(t);
  });
  std::erase_if(found, [](const NonFinite& f) { return f.nans + f.infinities == 0; });
  return found;
}

}  // namespace ttt
