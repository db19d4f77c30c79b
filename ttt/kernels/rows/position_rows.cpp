#include "kernels/rows/position_rows.h"

#include <algorithm>
#include <cmath>

#include "kernels/formats/packed.h"

namespace ttt::kernels {
namespace {

template <bool kAdd>
void put(float& y, float value) {
  y = kAdd ? y + value : value;
}

template <bool kAdd>
void learned(Exec& exec, const LearnedRowsArgs& args) {
  constexpr std::int64_t kRun = 256;
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const std::int64_t row = args.positions[static_cast<std::size_t>(r)] + args.offset;
    float* y = args.y.row<float>(r);
    float values[kRun];
    for (std::int64_t begin = 0; begin < dim; begin += kRun) {
      const std::int64_t count = std::min(kRun, dim - begin);
      decode_row(args.table, row, begin, count, values);
      for (std::int64_t i = 0; i < count; ++i) put<kAdd>(y[begin + i], values[i]);
    }
  });
}

// A few rows a step, or an encoder's once: the C library's double precision costs nothing that shows.
template <bool kRound, bool kAdd>
void sinusoid(Exec& exec, const SinusoidRowsArgs& args) noexcept {
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const double position = static_cast<double>(args.positions[static_cast<std::size_t>(r)] + args.offset);
    float* y = args.y.row<float>(r);
    for (std::size_t i = 0; i < args.frequencies.size(); ++i) {
      double angle = position * args.frequencies[i];
      if (kRound) angle = static_cast<double>(static_cast<float>(angle));
      const std::int64_t at = static_cast<std::int64_t>(i) * args.step;
      put<kAdd>(y[at], static_cast<float>(std::sin(angle)));
      put<kAdd>(y[at + args.cosine], static_cast<float>(std::cos(angle)));
    }
  });
}

}  // namespace

void learned_rows(Exec& exec, const LearnedRowsArgs& args) noexcept { learned<false>(exec, args); }
void learned_rows_add(Exec& exec, const LearnedRowsArgs& args) noexcept { learned<true>(exec, args); }

double operations(const LearnedRowsArgs& args) { return static_cast<double>(args.y.shape.elements()); }
double bytes(const LearnedRowsArgs& args) {
  const double values = static_cast<double>(args.y.shape.elements());
  return values * (8 + traits_of(args.table.format).nominal_bits / 8);
}

SinusoidRowsFn select_sinusoid_rows(bool round_angles, bool add) {
  if (round_angles) return add ? sinusoid<true, true> : sinusoid<true, false>;
  return add ? sinusoid<false, true> : sinusoid<false, false>;
}

double operations(const SinusoidRowsArgs& args) { return 30.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const SinusoidRowsArgs& args) { return 8.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
