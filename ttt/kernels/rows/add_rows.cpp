#include "kernels/rows/add_rows.h"

namespace ttt::kernels {
namespace {

template <bool kAccumulate>
void add(Exec& exec, const AddRowsArgs& args) {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const float* x = args.x.row<float>(r);
    float* y = args.y.row<float>(r);
    if (args.bias) {
      const float* bias = args.bias.row<float>(0);
      for (std::int64_t i = 0; i < dim; ++i) y[i] = (kAccumulate ? y[i] : 0.0f) + (x[i] + bias[i]);
    } else {
      for (std::int64_t i = 0; i < dim; ++i) y[i] = (kAccumulate ? y[i] : 0.0f) + x[i];
    }
  });
}

template <bool kAccumulate>
void gain(Exec& exec, const GainRowsArgs& args) {
  const std::int64_t dim = args.y.dim(1);
  const float* gains = args.gain.row<float>(0);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const float* x = args.x.row<float>(r);
    float* y = args.y.row<float>(r);
    for (std::int64_t i = 0; i < dim; ++i) y[i] = (kAccumulate ? y[i] : 0.0f) + gains[i] * x[i];
  });
}

}  // namespace

void gain_rows(Exec& exec, const GainRowsArgs& args) noexcept { gain<false>(exec, args); }
void add_gain_rows(Exec& exec, const GainRowsArgs& args) noexcept { gain<true>(exec, args); }
double operations(const GainRowsArgs& args) { return 2.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const GainRowsArgs& args) { return 12.0 * static_cast<double>(args.y.shape.elements()); }

void add_rows(Exec& exec, const AddRowsArgs& args) noexcept { add<true>(exec, args); }
void add_rows_store(Exec& exec, const AddRowsArgs& args) noexcept { add<false>(exec, args); }

void add_scaled_rows(Exec& exec, const AddRowsArgs& args) noexcept {
  const std::int64_t dim = args.y.dim(1);
  exec.threads.parallel_for(args.y.dim(0), [&](std::int64_t r) {
    const float* x = args.x.row<float>(r);
    float* y = args.y.row<float>(r);
    for (std::int64_t i = 0; i < dim; ++i) y[i] += args.factor * x[i];
  });
}

double operations(const AddRowsArgs& args) { return 2.0 * static_cast<double>(args.y.shape.elements()); }
double bytes(const AddRowsArgs& args) { return 12.0 * static_cast<double>(args.y.shape.elements()); }

}  // namespace ttt::kernels
