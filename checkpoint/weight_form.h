#pragma once

#include <cstdint>
#include <string>

#include "base/weights.h"
#include "checkpoint/checkpoint.h"

namespace ttt {

// How a request is answered: decided once, by the plan and by the store alike, from headers alone.
enum class WeightSteps : std::uint8_t {
  kView,       // straight from the file
  kCopy,       // rows copied as they are
  kConvert,    // dense values computed
  kPack,       // packed from the stored rows: grouped as it is, or dense and quantised
  kRequantise  // decoded to f32, then packed
};

struct WeightForm {
  const StoredTensor* tensor = nullptr;
  WeightSteps steps = WeightSteps::kView;
  Format format = Format::kF32;  // of the view that the block gets
  Layout layout = Layout::kRowMajor;
  Shape shape = {};            // after the cut
  std::int64_t row_bytes = 0;  // of the view; panels: 0
  std::int64_t bytes = 0;      // that the view covers: in the file (kView), else owned

  // The stored tensor as a matrix of `rows` x `columns` (before `transposed`), and the part that is wanted of it.
  std::int64_t rows = 0, columns = 0;
  bool transposed = false;
  TensorName selection = {};
  std::int64_t slice_row = 0;  // the first stored row of the slice that the name means (TensorName::outer)
  std::int64_t row_begin = 0, row_count = 0;        // of the selected rows
  std::int64_t column_begin = 0, column_count = 0;  // of their columns
  std::int64_t all_begin = 0, all_count = 0;        // of their columns before the cut

  bool rows_are_contiguous() const;
  std::int64_t source_row(std::int64_t i) const;  // the stored row of wanted row i
};

// Throws Error{kBadData} "[path] name wanted [..], got [..]" for a missing tensor or another shape, and
// Error{kUnsupported} naming the formats when there is no way from the stored to the wanted form.
WeightForm weight_form(const Checkpoint& checkpoint, const WeightRequest& request);
// The same of a tensor that is at hand; the request's name says which part of it.
WeightForm weight_form(const StoredTensor& tensor, const WeightRequest& request);

}  // namespace ttt
