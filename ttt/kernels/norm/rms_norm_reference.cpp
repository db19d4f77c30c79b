#include <cmath>

#include "kernels/at_level.h"
#include "kernels/norm/reference_row.h"
#include "kernels/norm/rms_norm.h"

namespace ttt::kernels::reference {
namespace {

template <bool kAdd>
void norm_row(const RmsNormArgs& args, std::int64_t r) {
  const std::int64_t n = args.x.dim(1);
  const float* x = args.x.row<float>(r);
  double squares = 0;
  for (std::int64_t i = 0; i < n; ++i) squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  const double root = std::sqrt(squares / static_cast<double>(n) + static_cast<double>(args.eps));
  scale_row<kAdd>(
      x, args.y.row<float>(r), n,
      {.root = root, .weight_offset = static_cast<double>(args.weight_offset), .weight = values_or_null(args.weight)});
}

}  // namespace

void rms_norm(Exec& exec, const RmsNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<false>(args, r); });
}
void rms_norm_add(Exec& exec, const RmsNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<true>(args, r); });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, RmsNormKernels, .norm = rms_norm, .norm_add = rms_norm_add)
}  // namespace ttt::kernels
