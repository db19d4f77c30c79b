#include "kernels/channel_scale.h"

#include "kernels/cpu/simd.h"

// This file is compiled once per instruction set. TTT_LEVEL is the name of the level (sse2, avx2, avx512), and
// everything stands in its namespace, so that the linker cannot merge code of two levels. F32 is a vector of kLanes
// floats.
namespace ttt::kernels::TTT_LEVEL {

// Rows per task: below this the cost of handing out work shows.
constexpr std::int64_t kRowsPerTask = 8;

// TTT_INLINE: helpers leave no symbol of their own.
TTT_INLINE void scale_row(const float* x, const float* gain, float* y, std::int64_t dim) {
  std::int64_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) store(y + i, load(x + i) * load(gain + i));
  // A partial vector at the end reads and writes only what exists.
  if (i < dim) store_part(y + i, load_part(x + i, dim - i) * load_part(gain + i, dim - i), dim - i);
}

void channel_scale(Exec& exec, const ChannelScaleArgs& args) noexcept {
  const std::int64_t rows = args.x.dim(0), dim = args.x.dim(1);
  const float* gain = args.gain.row<float>(0);
  // Work is cut so that a row's result does not depend on the number of threads. An empty batch has no tasks.
  exec.threads.parallel_for((rows + kRowsPerTask - 1) / kRowsPerTask, [&](std::int64_t task) {
    // No std::min here: an inline function of the standard library could be emitted with this level's instructions
    // and then be used by everybody.
    const std::int64_t begin = task * kRowsPerTask, end = rows < begin + kRowsPerTask ? rows : begin + kRowsPerTask;
    for (std::int64_t r = begin; r < end; ++r) scale_row(args.x.row<float>(r), gain, args.y.row<float>(r), dim);
  });
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
// The table of this level, which at_level<ChannelScaleKernels>(traits) finds on a device that has the level.
TTT_KERNELS(ChannelScaleKernels, .channel_scale = channel_scale)
}  // namespace ttt::kernels
