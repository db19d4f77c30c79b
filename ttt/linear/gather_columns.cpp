#include "linear/gather_columns.h"

#include "base/error.h"
#include "base/scratch.h"
#include "collectives/gather.h"
#include "kernels/rows/rows.h"

namespace ttt {

void gather_columns(Exec& exec, ConstTensorView x, std::span<const std::int64_t> counts, TensorView y) {
  constexpr std::int64_t kBytes = sizeof(float);
  require(x.dim(0) <= 1 || x.row_bytes == x.dim(1) * kBytes, ErrorKind::kInternal, "gather_columns wanted dense rows");
  Scratch::Frame frame(exec.scratch);
  const TensorView all = frame.take(y.shape);
  launch_all_gather(exec, {.mine = x.data, .counts = counts, .entry_bytes = x.dim(0) * kBytes, .all = all.data});
  exec.launch(kernels::concat_columns, {.parts = all.row<float>(0), .counts = counts, .y = y});
}

}  // namespace ttt
