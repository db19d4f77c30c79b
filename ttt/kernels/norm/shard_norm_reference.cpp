#include <cmath>

#include "kernels/at_level.h"
#include "kernels/norm/shard_norm.h"

// What passes between ranks stays f32, as the kernels' interface says.
namespace ttt::kernels::reference {
namespace {

void store_moments(const RowMomentsArgs& args, std::int64_t r, bool about_zero) {
  const std::int64_t n = args.x.dim(1);
  const float* x = args.x.row<float>(r);
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  // Distances are taken from the mean as it is passed on.
  const float mean = about_zero || n == 0 ? 0.0f : static_cast<float>(sum / static_cast<double>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const double distance = static_cast<double>(x[i]) - static_cast<double>(mean);
    squares += distance * distance;
  }
  args.statistics.row<float>(r)[0] = mean;
  args.statistics.row<float>(r)[1] = static_cast<float>(squares);
}

double value_at(const ConstTensorView& vector, std::int64_t i, double otherwise) {
  return vector.data == nullptr ? otherwise : static_cast<double>(vector.row<float>(0)[i]);
}

template <bool kAdd>
void norm_row(const ShardNormArgs& args, std::int64_t r) {
  const std::int64_t rows = args.x.dim(0);
  double mean = 0, squares = 0, count = 0;
  for (std::size_t rank = 0; rank < args.parts.size(); ++rank) {
    if (args.parts[rank] == 0) continue;
    const float* s = args.statistics + (static_cast<std::int64_t>(rank) * rows + r) * 2;
    const double n = static_cast<double>(args.parts[rank]), distance = static_cast<double>(s[0]) - mean;
    squares += static_cast<double>(s[1]) + distance * distance * (count * n / (count + n));
    mean += distance * (n / (count + n));
    count += n;
  }
  const double root = std::sqrt(squares / count + static_cast<double>(args.eps));
  const float* x = args.x.row<float>(r);
  float* y = args.y.row<float>(r);
  for (std::int64_t i = 0; i < args.x.dim(1); ++i) {
    double gain = 1;
    if (args.weight.data != nullptr) gain = static_cast<double>(args.weight_offset) + value_at(args.weight, i, 0);
    const double v = (static_cast<double>(x[i]) - mean) / root * gain + value_at(args.bias, i, 0);
    y[i] = static_cast<float>(kAdd ? static_cast<double>(y[i]) + v : v);
  }
}

}  // namespace

void row_moments(Exec& exec, const RowMomentsArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { store_moments(args, r, false); });
}
void row_moments_about_zero(Exec& exec, const RowMomentsArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { store_moments(args, r, true); });
}
void shard_norm(Exec& exec, const ShardNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<false>(args, r); });
}
void shard_norm_add(Exec& exec, const ShardNormArgs& args) noexcept {
  exec.threads.parallel_for(args.x.dim(0), [&](std::int64_t r) { norm_row<true>(args, r); });
}

}  // namespace ttt::kernels::reference

namespace ttt::kernels {
TTT_KERNELS_OF(reference, ShardNormKernels, .moments = row_moments, .moments_about_zero = row_moments_about_zero,
               .norm = shard_norm, .norm_add = shard_norm_add)
}  // namespace ttt::kernels
