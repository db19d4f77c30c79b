#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// y += x + bias, y = x + bias, or y += factor * x
struct AddRowsArgs {
  ConstTensorView x = {};     // [rows, dim], f32; may be y
  ConstTensorView bias = {};  // [dim], f32; absent: none
  TensorView y = {};          // [rows, dim], f32
  float factor = 1;           // read by add_scaled_rows only
};
void add_rows(Exec& exec, const AddRowsArgs& args) noexcept;         // y += x + bias
void add_rows_store(Exec& exec, const AddRowsArgs& args) noexcept;   // y = x + bias
void add_scaled_rows(Exec& exec, const AddRowsArgs& args) noexcept;  // y += factor * x, without a bias
double operations(const AddRowsArgs& args);
double bytes(const AddRowsArgs& args);

// y = gain * x, or y += gain * x, column by column
struct GainRowsArgs {
  ConstTensorView x = {};     // [rows, dim], f32; may be y
  ConstTensorView gain = {};  // [dim], f32
  TensorView y = {};          // [rows, dim], f32
};
void gain_rows(Exec& exec, const GainRowsArgs& args) noexcept;
void add_gain_rows(Exec& exec, const GainRowsArgs& args) noexcept;
double operations(const GainRowsArgs& args);
double bytes(const GainRowsArgs& args);

}  // namespace ttt::kernels
