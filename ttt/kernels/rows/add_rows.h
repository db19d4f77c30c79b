#pragma once

#include "base/exec.h"
#include "base/tensor.h"

namespace ttt::kernels {

// y += x + bias, or y = x + bias: what follows a sum over ranks.
struct AddRowsArgs {
  ConstTensorView x = {};     // [rows, dim], f32; may be y
  ConstTensorView bias = {};  // [dim], f32; absent: none
  TensorView y = {};          // [rows, dim], f32
};
void add_rows(Exec& exec, const AddRowsArgs& args) noexcept;        // y += x + bias
void add_rows_store(Exec& exec, const AddRowsArgs& args) noexcept;  // y = x + bias
double operations(const AddRowsArgs& args);
double bytes(const AddRowsArgs& args);

}  // namespace ttt::kernels
