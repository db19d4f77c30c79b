#include <cmath>

#include "kernels/at_level.h"
#include "kernels/norm/layer_norm.h"
#include "kernels/norm/reference_row.h"

namespace ttt::kernels::reference {
namespace {

template <bool kAdd>
void norm_row(const LayerNormArgs& args, std::int64_t r) {
  const std::int64_t n = args.x.dim(1);
  const float* x = args.x.row<float>(r);
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  const double mean = sum / static_cast<double>(n);
  for (std::int64_t i = 0; i < n; ++i) {
    const double distance = static_cast<double>(x[i]) - mean;
    squares += distance * distance;
  }
  const double root = std::sqrt(squares / static_cast<double>(n) + static_cast<double>(args.eps));
  scale_row<kAdd>(x, args.y.row<float>(r), n,
                  {.mean = mean,
                   .root = root,
                   .weight_offset = static_cast<double>(args.weight_offset),
                   .weight = values_or_null(args.weight),
                   .bias = values_or_null(args.bias)});
}

}  // namespace

void layer_norm(Exec& exec, const LayerNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<false>(args, r); });
}
void layer_norm_add(Exec& exec, const LayerNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<true>(args, r); });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, LayerNormKernels, .norm = layer_norm, .norm_add = layer_norm_add)
}  // namespace ttt::kernels
