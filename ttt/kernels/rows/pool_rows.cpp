#include "kernels/rows/pool_rows.h"

#include <algorithm>
#include <cmath>

namespace ttt::kernels {
namespace {

// Columns of a task: the sums lie on its stack.
constexpr std::int64_t kColumns = 256;

void copy_row(const PoolRowsArgs& args, std::int64_t from, std::int64_t to) {
  const float* x = args.x.row<float>(from);
  std::copy(x, x + args.x.dim(1), args.y.row<float>(to));
}

void mean_columns(const PoolRowsArgs& args, std::int64_t seq, std::int64_t begin, std::int64_t count) {
  const auto s = static_cast<std::size_t>(seq);
  double sums[kColumns] = {};
  for (std::int64_t r = args.row_begin[s]; r < args.row_begin[s + 1]; ++r) {
    const float* x = args.x.row<float>(r) + begin;
    for (std::int64_t c = 0; c < count; ++c) sums[c] += static_cast<double>(x[c]);
  }
  const double rows = static_cast<double>(args.row_begin[s + 1] - args.row_begin[s]);
  float* y = args.y.row<float>(seq) + begin;
  for (std::int64_t c = 0; c < count; ++c) y[c] = static_cast<float>(sums[c] / rows);
}

}  // namespace

void pool_mean(Exec& exec, const PoolRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1), runs = (dim + kColumns - 1) / kColumns;
  exec.threads.parallel_for(args.y.dim(0) * runs, [&](std::int64_t task) {
    const std::int64_t begin = task % runs * kColumns;
    mean_columns(args, task / runs, begin, std::min(kColumns, dim - begin));
  });
}

void pool_first(Exec&, const PoolRowsArgs& args) noexcept {
  for (std::int64_t s = 0; s < args.y.dim(0); ++s) copy_row(args, args.row_begin[static_cast<std::size_t>(s)], s);
}

void pool_last(Exec&, const PoolRowsArgs& args) noexcept {
  for (std::int64_t s = 0; s < args.y.dim(0); ++s)
    copy_row(args, args.row_begin[static_cast<std::size_t>(s) + 1] - 1, s);
}

void normalize_rows(Exec& exec, const NormalizeRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    float* y = args.y.row<float>(r);
    double square = 0;
    for (std::int64_t c = 0; c < dim; ++c) square += static_cast<double>(y[c]) * static_cast<double>(y[c]);
    const double length = std::sqrt(square), divisor = length < args.eps ? static_cast<double>(args.eps) : length;
    for (std::int64_t c = 0; c < dim; ++c) y[c] = static_cast<float>(static_cast<double>(y[c]) / divisor);
  });
}

void keep_rows(Exec&, const NormalizeRowsArgs&) noexcept {}

double operations(const PoolRowsArgs& args) { return static_cast<double>(args.x.shape.elements()); }
double bytes(const PoolRowsArgs& args) {
  return 4.0 * static_cast<double>(args.x.shape.elements() + args.y.shape.elements());
}
double operations(const NormalizeRowsArgs& args) { return 3.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const NormalizeRowsArgs& args) { return 8.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
