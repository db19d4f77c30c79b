#include "kernels/gate.h"

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

// A run of both inputs stays in the first-level cache between the activation and the product.
constexpr std::int64_t kRun = 1024;

void gate_run(float* g, const float* u, float* y, std::int64_t n, const GateArgs& args) {
  if (args.activate != nullptr) args.activate(g, n, args.params);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, load(g + i) * load(u + i));
  if (i < n) store_part(y + i, load_part(g + i, n - i) * load_part(u + i, n - i), n - i);
}

}  // namespace

void gate(Exec& exec, const GateArgs& args) noexcept {
  const std::int64_t rows = args.y.dim(0), dim = args.y.dim(1), runs = (dim + kRun - 1) / kRun;
  exec.threads.parallel_for(rows * runs, [&](std::int64_t task) {
    const std::int64_t r = task / runs, begin = task % runs * kRun, left = dim - begin;
    gate_run(args.gate.row<float>(r) + begin, args.up.row<float>(r) + begin, args.y.row<float>(r) + begin,
             left < kRun ? left : kRun, args);
  });
}

}  // namespace ttt::kernels::TTT_LEVEL
