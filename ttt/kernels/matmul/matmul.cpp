#include "kernels/matmul/matmul.h"

#include <emmintrin.h>

#include <algorithm>

#include "base/checked.h"
#include "base/error.h"
#include "kernels/matmul/matmul_dense.h"
#include "kernels/matmul/matmul_grouped.h"

namespace ttt::kernels {
namespace {

// A tile's cost is counted in bytes of weights read; a product of one row and one weight takes about as long as a fifth
// of a byte (10 GB/s and 50 G products/s per core).
constexpr double kBytesPerProduct = 0.2;
// About 10 us: smaller tiles would not repay another thread's wake-up.
constexpr double kLeastTileBytes = 128 << 10;
// Cores are rarely equally fast: the last tile of a slow one is what the others wait for.
constexpr double kTilesPerThread = 16;

double bytes_per_weight(const MatmulProblem& problem) { return traits_of(problem.w.format).nominal_bits / 8; }

double cost_per_output(const MatmulProblem& problem, std::int64_t rows) {
  return static_cast<double>(problem.w.dim(1)) *
         std::max(bytes_per_weight(problem), kBytesPerProduct * static_cast<double>(rows));
}

// Outputs of one tile: as many as cost `target`, in whole units.
std::int64_t outputs_per_tile(const MatmulProblem& problem, std::int64_t rows, double target) {
  const double outputs = target / std::max(cost_per_output(problem, rows), 1.0);
  const std::int64_t units = static_cast<std::int64_t>(outputs) / problem.kernel->unit;
  return std::max<std::int64_t>(units, 1) * problem.kernel->unit;
}

}  // namespace

void matmul(Exec& exec, const MatmulArgs& args) noexcept {
  const std::int64_t rows = args.x.rows;
  if (rows == 0) return;
  double total = 0;
  for (const MatmulProblem& problem : args.problems)
    total += static_cast<double>(problem.w.dim(0)) * cost_per_output(problem, rows);
  const double threads = static_cast<double>(exec.threads.size());
  const double target = std::max(total / (threads * kTilesPerThread), kLeastTileBytes);
  std::int64_t tiles = 0;
  for (const MatmulProblem& problem : args.problems)
    tiles += div_up(problem.w.dim(0), outputs_per_tile(problem, rows, target));
  exec.threads.parallel_for(tiles, [&](std::int64_t tile) {
    for (const MatmulProblem& problem : args.problems) {
      const std::int64_t outputs = outputs_per_tile(problem, rows, target), count = div_up(problem.w.dim(0), outputs);
      if (tile < count) {
        const std::int64_t begin = tile * outputs;
        problem.kernel->tile(args.x, problem, begin, std::min(begin + outputs, problem.w.dim(0)));
        if (is_streamed(problem)) _mm_sfence();
        return;
      }
      tile -= count;
    }
  });
}

double operations(const MatmulArgs& args) {
  double n = 0;
  for (const MatmulProblem& problem : args.problems) {
    n +=
        2.0 * static_cast<double>(args.x.rows) * static_cast<double>(problem.w.dim(0)) * static_cast<double>(args.x.in);
  }
  return n;
}

double bytes(const MatmulArgs& args) {
  const PreparedRows& x = args.x;
  double n = static_cast<double>(prepared_bytes(x.form, x.panels, x.rows, x.in));
  for (const MatmulProblem& problem : args.problems) {
    const double out = static_cast<double>(problem.w.dim(0));
    n += out * static_cast<double>(x.in) * bytes_per_weight(problem) + 4.0 * static_cast<double>(x.rows) * out;
  }
  return n;
}

const MatmulKernel& select_matmul(const DeviceTraits& traits, Format weight, Layout layout, ActivationForm form,
                                  RowClass rows) {
  if (is_dense(weight) && layout == Layout::kRowMajor) return select_dense_matmul(traits, weight, form, rows);
  require(is_grouped(weight) && layout == Layout::kPanels, ErrorKind::kUnsupported, "matrix product wanted a dense ",
          "weight row-major or a grouped one in panels, got ", name_of(weight),
          layout == Layout::kPanels ? " in panels" : " row-major");
  return select_grouped_matmul(traits, weight, form);
}

}  // namespace ttt::kernels
