#include "kernels/activation/gate.h"

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

// NaN stays NaN: min and max give their second operand for it.
TTT_INLINE F32 clamped(F32 g, F32 u, const GateArgs& args) {
  const F32 limit = splat(args.params.limit);
  g = min(limit, g);
  u = max(zero() - limit, min(limit, u)) + splat(args.up_offset);
  // sigmoid without overflow: e^-|a| is at most 1.
  const F32 a = g * splat(args.params.alpha), e = exp(zero() - abs(a)), r = splat(1.0f) / (splat(1.0f) + e);
  return g * where_less(a, zero(), e * r, r) * u;
}

void clamped_run(float* g, const float* u, float* y, std::int64_t n, const GateArgs& args) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, clamped(load(g + i), load(u + i), args));
  if (i < n) store_part(y + i, clamped(load_part(g + i, n - i), load_part(u + i, n - i), args), n - i);
}

// Calls run(gate, up, y, n, args) for runs of all rows.
template <class Run>
TTT_INLINE void for_runs(Exec& exec, const GateArgs& args, const Run& run) {
  const std::int64_t rows = args.y.dim(0), dim = args.y.dim(1), runs = (dim + kRun - 1) / kRun;
  exec.threads.parallel_for(rows * runs, [&](std::int64_t task) {
    const std::int64_t r = task / runs, begin = task % runs * kRun, left = dim - begin;
    run(args.gate.row<float>(r) + begin, args.up.row<float>(r) + begin, args.y.row<float>(r) + begin,
        left < kRun ? left : kRun, args);
  });
}

}  // namespace

void gate(Exec& exec, const GateArgs& args) noexcept { for_runs(exec, args, gate_run); }
void clamped_gate(Exec& exec, const GateArgs& args) noexcept { for_runs(exec, args, clamped_run); }

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(GateKernels, .gate = gate, .clamped_gate = clamped_gate)
}  // namespace ttt::kernels
