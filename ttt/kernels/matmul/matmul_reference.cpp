#include "kernels/matmul/matmul_reference.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/formats/packed.h"

namespace ttt::kernels {
namespace {

constexpr std::int64_t kRows = 16;     // rows of x that meet a weight while it is decoded
constexpr std::int64_t kInputs = 512;  // decoded at once; a multiple of every group

using DecodeFn = void (*)(const ConstTensorView& w, std::int64_t out, std::int64_t begin, std::int64_t count,
                          float* to);

void finish(const MatmulProblem& problem, std::int64_t row, std::int64_t out, double value) {
  const Epilogue& e = problem.epilogue;
  if (e.bias) value += static_cast<double>(e.bias.row<float>(0)[out]);
  if (e.activate != nullptr) {
    float v = static_cast<float>(value);
    e.activate(&v, 1, e.params);
    value = static_cast<double>(v);
  }
  float& y = problem.y.row<float>(row)[out];
  y = static_cast<float>(e.accumulate ? static_cast<double>(y) + value : value);
}

double dot(const float* a, const float* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

template <DecodeFn kDecode>
void tile(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin, std::int64_t out_end) noexcept {
  float w[kInputs];
  for (std::int64_t out = out_begin; out < out_end; ++out) {
    for (std::int64_t row = 0; row < x.rows; row += kRows) {
      const std::int64_t rows = std::min(kRows, x.rows - row);
      double sums[kRows] = {};
      for (std::int64_t begin = 0; begin < x.in; begin += kInputs) {
        const std::int64_t count = std::min(kInputs, x.in - begin);
        kDecode(problem.w, out, begin, count, w);
        for (std::int64_t r = 0; r < rows; ++r) {
          sums[r] += dot(reinterpret_cast<const float*>(x.values + (row + r) * x.row_bytes) + begin, w, count);
        }
      }
      for (std::int64_t r = 0; r < rows; ++r) finish(problem, row + r, out, sums[r]);
    }
  }
}

}  // namespace

const MatmulKernel& select_reference_matmul(Format weight, Layout layout) {
  const bool panels = layout == Layout::kPanels;
  const bool stored = (is_dense(weight) || is_grouped(weight)) && traits_of(weight).block_bytes > 0;
  require(panels ? is_grouped(weight) : stored, ErrorKind::kUnsupported, "reference product wanted a weight ",
          "row-major as in files or a grouped one in panels, got ", name_of(weight),
          panels ? " in panels" : " row-major");
  static constexpr MatmulKernel of_panels{.unit = 1, .tile = tile<decode_packed_part>, .name = "reference"};
  static constexpr MatmulKernel of_rows{.unit = 1, .tile = tile<decode_row>, .name = "reference"};
  return panels ? of_panels : of_rows;
}

}  // namespace ttt::kernels
