#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/parallel_for.h"
#include "base/weights.h"
#include "checkpoint/overflow.h"
#include "checkpoint/weight_form.h"
#include "runtime/quantize/plan.h"

namespace ttt {

// The bytes of one tensor of a new checkpoint, row by row, in the order in which blocks ask for rows. The tensor and
// its source must outlive this.
class TensorRows {
 public:
  explicit TensorRows(const PlannedTensor& tensor);
  TensorRows(const TensorRows&) = delete;
  TensorRows& operator=(const TensorRows&) = delete;

  // Of the values written: that of the plan, or f32 where the source's format cannot hold what blocks ask for (its
  // values less one, or the transpose of a grouped format).
  Format format() const { return format_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t row_bytes() const { return row_bytes_; }
  // Rows [begin, begin + count), one after the other.
  void write(std::int64_t begin, std::int64_t count, std::byte* to, const ParallelFor& parallel_for);
  // Error{kUsage} when the format could not hold a value that was written.
  void require_none_beyond() const;

 private:
  // Rows of one form; a tensor of matrices that are asked for one by one has several.
  struct Part {
    explicit Part(const WeightForm& f) : form(f), overflow(form) {}
    WeightForm form;
    OverflowCheck overflow;
  };
  enum class Way : std::uint8_t { kBytes, kRows, kValues };

  Way way_of() const;
  void add_part(const TensorName& name, const Shape& shape);
  void write_row(std::int64_t row, std::byte* to);

  const PlannedTensor& planned_;
  const StoredTensor& source_;
  Format format_;
  Way way_;
  std::deque<Part> parts_;
  std::int64_t rows_ = 0, row_bytes_ = 0;
};

}  // namespace ttt
