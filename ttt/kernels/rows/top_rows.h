#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/tensor.h"

// The k best values of every row, for vocabularies that are cut over ranks. A larger value is better, and of equal
// values the lower id; NaN is better than any number, so that it is not overlooked.
namespace ttt::kernels {

struct TopEntry {
  float value = 0;
  std::int32_t id = 0;
};

struct TopRowsArgs {
  ConstTensorView x = {};     // [rows, columns], f32
  std::int64_t first_id = 0;  // of column 0
  std::int64_t k = 0;         // at most columns
  TopEntry* y = nullptr;      // [rows, k], best first
};
void top_rows(Exec& exec, const TopRowsArgs& args) noexcept;
double operations(const TopRowsArgs& args);
double bytes(const TopRowsArgs& args);

// The k best candidates of several parts of the columns.
struct MergeTopArgs {
  const TopEntry* candidates = nullptr;        // part after part, each [rows, min(k, columns of the part)]
  std::span<const std::int64_t> columns = {};  // [parts], at least k in total
  std::int64_t k = 0;
  TopEntry* work = nullptr;          // [rows, k]
  std::span<std::int32_t> ids = {};  // [rows * k], best first
  TensorView values = {};            // [rows, k], f32
};
void merge_top(Exec& exec, const MergeTopArgs& args) noexcept;
double operations(const MergeTopArgs& args);
double bytes(const MergeTopArgs& args);

}  // namespace ttt::kernels
