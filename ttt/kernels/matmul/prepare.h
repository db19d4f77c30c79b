#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/exec.h"
#include "base/tensor.h"

// The rows of an input in the form that a product's kernels read, made once for all weights of that input.

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
  std::int64_t row_bytes = 0;    // without panels
  float* scales = nullptr;       // [rows, padded_in / 32]; kInt8 only
  std::int32_t* sums = nullptr;  // [rows, padded_in / 16], of 16 codes each; kInt8 only
};

struct PrepareArgs {
  ConstTensorView x = {};  // [rows, in], f32
  PreparedRows y = {};
};
using PrepareFn = void (*)(Exec&, const PrepareArgs&) noexcept;

// Bytes for values, scales and sums of a preparation, and the views laid into such memory (64-byte aligned).
std::int64_t prepared_bytes(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in);
PreparedRows prepared_rows(ActivationForm form, bool panels, std::int64_t rows, std::int64_t in, std::byte* memory);

double operations(const PrepareArgs& args);
double bytes(const PrepareArgs& args);

// The dense forms. bf16: null where the level has no instructions for it.
struct DensePrepareKernels {
  PrepareFn rows_f32, panels_f32, rows_bf16, panels_bf16;
};

// int8: row-major. Per row and group of 32 inputs: scale = max|x| / 127, codes = x / scale rounded to nearest even. A
// group whose largest magnitude is below 2e-36 becomes zero; one with an infinity or NaN makes every result NaN that
// uses it. Bitwise the same at every level.
struct Int8PrepareKernels {
  PrepareFn rows_int8;
};

// Never null: throws Error{kUnsupported} naming the request when there is no such kernel.
PrepareFn select_prepare(const DeviceTraits& traits, ActivationForm form, bool panels);

}  // namespace ttt::kernels
