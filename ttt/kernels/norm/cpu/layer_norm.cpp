#include "kernels/norm/layer_norm.h"

#include "kernels/norm/cpu/for_rows.h"
#include "kernels/norm/cpu/moments.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

template <bool kAdd>
TTT_INLINE void norm_row(const LayerNormArgs& args, std::int64_t r) {
  const std::int64_t n = args.x.dim(1);
  const float* x = args.x.row<float>(r);
  const Moments m = moments(x, n);
  scale_row<kAdd>(x, args.y.row<float>(r), n,
                  {.mean = m.mean,
                   .inverse = inverse_root(m.squares / static_cast<float>(n), args.eps),
                   .weight = values_or_null(args.weight),
                   .bias = values_or_null(args.bias),
                   .weight_offset = args.weight_offset});
}

template <bool kAdd>
TTT_INLINE void run(Exec& exec, const LayerNormArgs& args) {
  for_rows(exec, args.x.dim(0), [&](std::int64_t r) { norm_row<kAdd>(args, r); });
}

}  // namespace

void layer_norm(Exec& exec, const LayerNormArgs& args) noexcept { run<false>(exec, args); }
void layer_norm_add(Exec& exec, const LayerNormArgs& args) noexcept { run<true>(exec, args); }

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(LayerNormKernels, .norm = layer_norm, .norm_add = layer_norm_add)
}  // namespace ttt::kernels
