#include "normalization/rank_moments.h"

#include "collectives/gather.h"

namespace ttt {

TensorView gather_moments(Exec& exec, Scratch::Frame& frame, kernels::RowMomentsFn moments, ConstTensorView x,
                          std::span<const std::int64_t> one_each) {
  const std::int64_t rows = x.dim(0), ranks = static_cast<std::int64_t>(one_each.size());
  const TensorView mine = frame.take({rows, 2}), all = frame.take({ranks, rows, 2});
  exec.launch(moments, {.x = x, .statistics = mine});
  launch_all_gather(exec, {.mine = mine.data,
                           .counts = one_each,
                           .entry_bytes = rows * 2 * static_cast<std::int64_t>(sizeof(float)),
                           .all = all.data});
  return all;
}

}  // namespace ttt
