#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/exec.h"
#include "base/tensor.h"
#include "kernels/activation/activation.h"
#include "kernels/matmul/prepare.h"

// y[r, :] = epilogue(x[r, :] w^T + bias): the matrix products of a step.
//
// The rows of x are first converted to the form that the product's kernels read (prepare.h), once for all weights of
// that input; then one launch multiplies them with several weights, each in its own format, in one parallel region.

namespace ttt::kernels {

// The last step of a product, before its result is stored: y = activate(acc + bias), then + y if accumulating.
struct Epilogue {
  ConstTensorView bias = {};        // [out], f32; absent: none
  ActivationFn activate = nullptr;  // applied to a run of values of one row; null: identity
  ActivationParams params = {};
  bool accumulate = false;  // y += result
};

struct MatmulProblem;
// Computes outputs [out_begin, out_end) of every row. Reads and writes nothing else of y. out_begin is a multiple of
// the kernel's unit; called by one thread per range.
using MatmulTileFn = void (*)(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin,
                              std::int64_t out_end) noexcept;

// One product kernel.
struct MatmulKernel {
  ActivationForm form = ActivationForm::kF32;
  bool panels = false;     // reads x in panels
  std::int64_t unit = 16;  // outputs come in multiples of this
  MatmulTileFn tile = nullptr;
  std::string_view name = {};  // "avx512_vnni.grouped_q4_1", for reports and tests; a literal
};

// Kernels for few rows compute dot products along the rows of a weight; those for many fill panels of 16 rows of the
// input.
enum class RowClass : std::uint8_t { kFew, kMany };
inline constexpr int kRowClasses = 2;
// From this number of rows on a panel is full. For fewer rows dot products are faster: 6 rows of 480 x 2048 in bf16
// take 0.09 ms on one Sapphire Rapids class core, one panel 0.25 ms however few rows it holds.
inline constexpr std::int64_t kManyRows = kActivationPanel;
constexpr RowClass row_class_of(std::int64_t rows) { return rows >= kManyRows ? RowClass::kMany : RowClass::kFew; }

struct MatmulProblem {
  ConstTensorView w = {};  // [out, in]: dense row-major, or grouped panels (kernels/formats/packed.h)
  TensorView y = {};       // [rows, out], f32
  Epilogue epilogue = {};
  const MatmulKernel* kernel = nullptr;
};

// Whether the result is stored past the caches: it is larger than they keep until it is read, and an ordinary store
// would first fetch each line of it from memory. Prompts of 1,024 tokens in int8: 334 to 360 tokens/s (two Emerald
// Rapids cores, the shape of a model of 1B). matmul fences the stores of each tile.
inline bool is_streamed(const MatmulProblem& problem) {
  constexpr std::int64_t kStreamedBytes = 4 << 20;
  return problem.y.dim(0) * problem.y.row_bytes >= kStreamedBytes && !problem.epilogue.accumulate;
}

struct MatmulArgs {
  PreparedRows x = {};
  std::span<const MatmulProblem> problems = {};  // all kernels read x's form
};

// Runs all problems in one parallel region, cut by outputs.
void matmul(Exec& exec, const MatmulArgs& args) noexcept;
double operations(const MatmulArgs& args);
double bytes(const MatmulArgs& args);

// Kernels differ only by rounding, and live as long as the program. Throws Error{kUnsupported} naming the request
// when there is no such kernel.
const MatmulKernel& select_matmul(const DeviceTraits& traits, Format weight, Layout layout, ActivationForm form,
                                  RowClass rows);

}  // namespace ttt::kernels
