#include "runtime/quantize/tensor_rows.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "checkpoint/weight_values.h"
#include "kernels/formats/dense_values.h"
#include "kernels/formats/stored_block.h"

namespace ttt {
namespace {

constexpr std::int64_t kBytesPerTask = std::int64_t{1} << 18;

// That the bytes of the source can have as they are.
Format kept_format(const StoredTensor& t) {
  if (t.subtract_one || (t.transposed && is_grouped(t.format))) return Format::kF32;
  return t.format;
}

}  // namespace

TensorRows::Way TensorRows::way_of() const {
  const StoredTensor& t = source_;
  if (format_ != t.format || t.subtract_one || t.transposed) return Way::kValues;
  return t.rotary_heads > 0 || t.assembled != nullptr ? Way::kRows : Way::kBytes;
}

TensorRows::TensorRows(const PlannedTensor& tensor)
    : planned_(tensor),
      source_(*tensor.source),
      format_(tensor.kept() ? kept_format(source_) : tensor.format),
      way_(way_of()) {
  if (way_ == Way::kBytes) {
    rows_ = source_.bytes, row_bytes_ = 1;
    return;
  }
  const Shape& shape = planned_.shape;
  const int last = shape.rank() - 1;
  if (!planned_.transposed) {
    add_part("", shape);
  } else if (shape.rank() == 2) {
    add_part(transposed(TensorName("")), {shape[1], shape[0]});
  } else {
    for (std::int64_t i = 0; i < shape[0]; ++i) {
      add_part(slice(transposed(TensorName("")), i), {shape[last], shape[last - 1]});
    }
  }
}

void TensorRows::add_part(const TensorName& name, const Shape& shape) {
  WeightForm form = weight_form(
      source_, {.path = source_.name, .name = name, .shape = shape, .use = WeightUse::kTable, .format = Format::kF32});
  form.format = format_;
  rows_ += form.row_count;
  row_bytes_ = stored_bytes(format_, form.column_count, source_.name);
  parts_.emplace_back(form);
}

void TensorRows::write_row(std::int64_t row, std::byte* to) {
  const std::int64_t rows_of_part = parts_.front().form.row_count;
  Part& part = parts_[static_cast<std::size_t>(row / rows_of_part)];
  const WeightForm& form = part.form;
  row %= rows_of_part;
  if (way_ == Way::kRows) {
    if (source_.assembled != nullptr) return source_.assembled->read(form.source_row(row), to);
    std::memcpy(to, source_.data + form.source_row(row) * row_bytes_, static_cast<std::size_t>(row_bytes_));
    return;
  }
  std::vector<float> values(static_cast<std::size_t>(form.column_count));
  read_values(form, row, 1, values.data());
  if (part.overflow.wanted()) part.overflow.examine(row, 1, values.data());
  if (is_grouped(format_)) {
    kernels::write_stored_row(format_, values.data(), form.column_count, to);
  } else {
    kernels::encode_dense(format_, values.data(), form.column_count, to);
  }
}

void TensorRows::write(std::int64_t begin, std::int64_t count, std::byte* to, const ParallelFor& parallel_for) {
  if (way_ == Way::kBytes) {
    std::memcpy(to, source_.data + begin, static_cast<std::size_t>(count));
    return;
  }
  const std::int64_t at_once =
      std::clamp<std::int64_t>(kBytesPerTask / std::max<std::int64_t>(row_bytes_, 1), 1, count);
  const std::int64_t tasks = (count + at_once - 1) / at_once;
  parallel_for(tasks, [&](std::int64_t task) {
    for (std::int64_t r = task * at_once; r < std::min(count, (task + 1) * at_once); ++r) {
      write_row(begin + r, to + r * row_bytes_);
    }
  });
}

void TensorRows::require_none_beyond() const {
  for (const Part& part : parts_) part.overflow.require_none();
}

}  // namespace ttt
