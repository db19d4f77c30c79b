#include "kernels/activation/clamp.h"
#include "kernels/at_level.h"

namespace ttt::kernels::reference {

void clamp(Exec& exec, const ClampArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) {
    float* x = args.x.row<float>(r);
    for (std::int64_t i = 0; i < args.x.dim(1); ++i) {
      if (x[i] > args.limit) x[i] = args.limit;
      if (x[i] < -args.limit) x[i] = -args.limit;
    }
  });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, ClampKernels, .clamp = clamp)
}  // namespace ttt::kernels
