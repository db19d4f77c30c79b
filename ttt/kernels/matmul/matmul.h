#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"
#include "kernels/activation/activation.h"

// y[r, :] = epilogue(x[r, :] w^T + bias): the matrix products of a step.
//
// The rows of x are first put into the form that the product's kernels read (`prepare`), once for all weights of that
// input; then one launch multiplies them with several weights, each in its own format, in one parallel region.

namespace ttt::kernels {

enum class ActivationForm : std::uint8_t {
  kF32,   // f32, products in f32
  kBF16,  // rounded to bf16, products in f32 accumulation
  kInt8,  // per row and group of 32 inputs: signed codes c with x = scale * c, |c| <= 127
};
std::string_view name_of(ActivationForm form);  // "f32", "bf16", "int8"; empty beyond the last

inline constexpr std::int64_t kActivationGroup = 32;  // inputs that share a scale in kInt8
inline constexpr std::int64_t kActivationPanel = 16;  // rows interleaved in a panel

// The rows of x as kernels read them. Inputs are padded with zeros to a multiple of 32.
struct PreparedRows {
  ActivationForm form = ActivationForm::kF32;
  // False: values[row][in]. True (dense forms, many rows): panels of 16 rows, [panel][in][16] for f32 and
  // [panel][in / 2][16][2] for bf16; rows beyond the last are zero.
  bool panels = false;
  std::int64_t rows = 0, in = 0, padded_in = 0;
  std::byte* values = nullptr;
  std::int64_t row_bytes = 0;  // without panels
  float* scales = nullptr;     // [rows, padded_in / 32]; kInt8 only
  float* sums = nullptr;       // [rows, padded_in / 16], scale * sum of 16 codes; kInt8 only
};

struct PrepareArgs {
  ConstTensorView x = {};  // [rows, in], f32
  PreparedRows y = {};
};
using PrepareFn = void (*)(Exec&, const PrepareArgs&) noexcept;

// Bytes for values, scales and sums of a preparation, and the views laid into such memory (64-byte aligned).
std::int64_t prepared_bytes(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in);
PreparedRows prepared_rows(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in, std::byte* memory);

// What happens to a result before it is stored: y = activate(acc + bias), then * multiply, then + y if accumulating.
struct Epilogue {
  ConstTensorView bias = {};        // [out], f32; absent: none
  ActivationFn activate = nullptr;  // applied to a run of values of one row; null: identity
  ActivationParams params = {};
  ConstTensorView multiply = {};  // [rows, out], f32; absent: none. May be y.
  bool accumulate = false;        // y += result
};

struct MatmulJob;
// Computes outputs [out_begin, out_end) of every row. Reads and writes nothing else of y. out_begin is a multiple of
// the kernel's unit; called by one thread per range.
using MatmulTileFn = void (*)(const PreparedRows& x, const MatmulJob& job, std::int64_t out_begin,
                              std::int64_t out_end) noexcept;

// One product kernel, as the table of a Linear holds it.
struct MatmulKernel {
  ActivationForm form = ActivationForm::kF32;
  bool panels = false;     // wants x in panels
  std::int64_t unit = 16;  // outputs come in multiples of this
  MatmulTileFn tile = nullptr;
  std::string_view name = {};  // "avx512_vnni.grouped_q4_1", for reports and tests; a literal
};

struct MatmulJob {
  ConstTensorView w = {};  // [out, in]: dense row-major, or grouped panels (kernels/formats/packed.h)
  TensorView y = {};       // [rows, out], f32
  Epilogue epilogue = {};
  MatmulKernel kernel = {};
};

struct MatmulArgs {
  PreparedRows x = {};
  std::span<const MatmulJob> jobs = {};  // all kernels read x's form
};

// Runs all jobs in one parallel region, cut by outputs.
void matmul(Exec& exec, const MatmulArgs& args) noexcept;
double operations(const MatmulArgs& args);
double bytes(const MatmulArgs& args);
double operations(const PrepareArgs& args);
double bytes(const PrepareArgs& args);

// Never null: each throws Error{kUnsupported} naming what was asked when no such kernel was built.
PrepareFn select_prepare(const DeviceTraits& traits, ActivationForm form, bool panels);
// `rows`: how many rows a call will have. Kernels differ only by rounding.
MatmulKernel select_matmul(const DeviceTraits& traits, Format weight, Layout layout, ActivationForm form,
                           std::int64_t rows);
// The two halves that select_matmul joins: matmul_dense.cpp and matmul_grouped.cpp.
MatmulKernel select_dense_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, std::int64_t rows);
MatmulKernel select_grouped_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, std::int64_t rows);
// Products with the exactly decoded weights in double precision, in f32 rows without panels; slow, for tests. Takes any
// weight of select_matmul, and grouped ones row-major.
MatmulKernel select_reference_matmul(Format weight, Layout layout);
// Whether bf16 weights are multiplied faster as bf16 pairs than converted to f32. False where the level lacks the dots.
bool bf16_dots_pay(const DeviceTraits& traits);

}  // namespace ttt::kernels
