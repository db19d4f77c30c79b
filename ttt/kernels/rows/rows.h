#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// Rows picked by index: table look-up and the selection of wanted rows.
namespace ttt::kernels {

// y[r, :] = scale * table[ids[r] - first_row, :]; zero where the row is not in this rank's part of the table.
struct EmbedArgs {
  std::span<const std::int32_t> ids = {};  // [rows]
  ConstTensorView table = {};              // [table rows, dim], row-major, any format
  std::int64_t first_row = 0;
  float scale = 1;
  TensorView y = {};  // [rows, dim], f32
};
void embed(Exec& exec, const EmbedArgs& args) noexcept;
double operations(const EmbedArgs& args);
double bytes(const EmbedArgs& args);

// y[r, :] += table[ids[r], :]
struct AddTableRowsArgs {
  std::span<const std::int32_t> ids = {};  // [rows], each in [0, table rows); empty: all 0
  ConstTensorView table = {};              // [table rows, dim], row-major, any format
  TensorView y = {};                       // [rows, dim], f32
};
void add_table_rows(Exec& exec, const AddTableRowsArgs& args) noexcept;
double operations(const AddTableRowsArgs& args);
double bytes(const AddTableRowsArgs& args);

// y[i, :] = x[index[i], :]
struct GatherRowsArgs {
  ConstTensorView x = {};                    // [rows, dim], f32
  std::span<const std::int64_t> index = {};  // [wanted], each in [0, rows)
  TensorView y = {};                         // [wanted, dim], f32
};
void gather_rows(Exec& exec, const GatherRowsArgs& args) noexcept;
double operations(const GatherRowsArgs& args);
double bytes(const GatherRowsArgs& args);

// y[:, begin_r : begin_r + count_r] = part r, for parts [rows, count_r] that lie back to back in `parts`.
struct ConcatColumnsArgs {
  const float* parts = nullptr;
  std::span<const std::int64_t> counts = {};  // [parts], columns of each
  TensorView y = {};                          // [rows, sum of counts], f32
};
void concat_columns(Exec& exec, const ConcatColumnsArgs& args) noexcept;
double operations(const ConcatColumnsArgs& args);
double bytes(const ConcatColumnsArgs& args);

}  // namespace ttt::kernels
