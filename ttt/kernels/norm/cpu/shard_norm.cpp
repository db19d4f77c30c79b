#include "kernels/norm/shard_norm.h"

#include "kernels/norm/cpu/for_rows.h"
#include "kernels/norm/cpu/moments.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

// In double: the distance between two means may be small beside them.
Moments combined(const ShardNormArgs& args, std::int64_t r, double& count) {
  const std::int64_t rows = args.x.dim(0);
  double mean = 0, squares = 0;
  count = 0;
  std::int64_t rank = 0;
  for (const std::int64_t part : args.parts) {
    const float* s = args.statistics + (rank++ * rows + r) * 2;
    if (part == 0) continue;
    const double n = static_cast<double>(part), distance = s[0] - mean, total = count + n;
    mean += distance * (n / total);
    squares += static_cast<double>(s[1]) + distance * distance * (count * n / total);
    count = total;
  }
  return {static_cast<float>(mean), static_cast<float>(squares)};
}

template <bool kAdd>
TTT_INLINE void run(Exec& exec, const ShardNormArgs& args) {
  for_rows(exec, args.x.dim(0), [&](std::int64_t r) {
    double count = 0;
    const Moments m = combined(args, r, count);
    scale_row<kAdd>(args.x.row<float>(r), args.y.row<float>(r), args.x.dim(1),
                    {.mean = m.mean,
                     .inverse = inverse_root(m.squares / static_cast<float>(count), args.eps),
                     .weight = values_or_null(args.weight),
                     .bias = values_or_null(args.bias),
                     .weight_offset = args.weight_offset});
  });
}

void store_moments(const RowMomentsArgs& args, std::int64_t r, const Moments& m) {
  float* s = args.statistics.row<float>(r);
  s[0] = m.mean;
  s[1] = m.squares;
}

}  // namespace

void row_moments(Exec& exec, const RowMomentsArgs& args) noexcept {
  for_rows(exec, args.x.dim(0),
           [&](std::int64_t r) { store_moments(args, r, moments(args.x.row<float>(r), args.x.dim(1))); });
}
void row_moments_about_zero(Exec& exec, const RowMomentsArgs& args) noexcept {
  for_rows(exec, args.x.dim(0),
           [&](std::int64_t r) { store_moments(args, r, moments_about_zero(args.x.row<float>(r), args.x.dim(1))); });
}
void shard_norm(Exec& exec, const ShardNormArgs& args) noexcept { run<false>(exec, args); }
void shard_norm_add(Exec& exec, const ShardNormArgs& args) noexcept { run<true>(exec, args); }

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(ShardNormKernels, .moments = row_moments, .moments_about_zero = row_moments_about_zero, .norm = shard_norm,
            .norm_add = shard_norm_add)
}  // namespace ttt::kernels
