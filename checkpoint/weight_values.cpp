#include "checkpoint/weight_values.h"

#include <vector>

#include "kernels/formats/dense_values.h"
#include "kernels/formats/packed.h"

namespace ttt {
namespace {

struct StoredPlace {
  std::int64_t row, column;
};

// Where a transposed tensor holds the value of a row and column.
StoredPlace place_of(const WeightForm& form, std::int64_t row, std::int64_t column) {
  const std::int64_t parts = form.tensor->transposed_parts;
  if (parts == 0) return {column, row};
  return {row / form.columns * (form.rows / parts) + column, row % form.columns};
}

}  // namespace

ConstTensorView stored_view(const WeightForm& form) {
  const Format format = form.tensor->format;
  return {.data = form.tensor->data,
          .format = format,
          .layout = Layout::kRowMajor,
          .shape = {form.rows, form.columns},
          .row_bytes = stored_bytes(format, form.columns, form.tensor->name)};
}

void read_values(const WeightForm& form, std::int64_t begin, std::int64_t count, float* to) {
  const StoredTensor& t = *form.tensor;
  const std::int64_t columns = form.column_count;
  if (t.assembled != nullptr) {
    const Format format = t.assembled->format();
    const std::int64_t row_bytes = stored_bytes(format, form.columns, t.name);
    std::vector<std::byte> row(static_cast<std::size_t>(row_bytes));
    const ConstTensorView view = view_of(row.data(), format, {1, form.columns});
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = form.source_row(begin + i);
      if (!form.transposed) {
        t.assembled->read(r, row.data());
        kernels::decode_row(view, 0, form.column_begin, columns, to + i * columns);
        continue;
      }
      for (std::int64_t c = 0; c < columns; ++c) {
        const StoredPlace at = place_of(form, r, form.column_begin + c);
        t.assembled->read(at.row, row.data());
        kernels::decode_row(view, 0, at.column, 1, to + i * columns + c);
      }
    }
  } else if (is_grouped(t.format)) {
    // Blocks are decoded along the file's rows; what is left of a transposition are single values.
    const ConstTensorView view = stored_view(form);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = form.source_row(begin + i);
      if (!form.transposed) {
        kernels::decode_row(view, r, form.column_begin, columns, to + i * columns);
        continue;
      }
      for (std::int64_t c = 0; c < columns; ++c) {
        const StoredPlace at = place_of(form, r, form.column_begin + c);
        kernels::decode_row(view, at.row, at.column, 1, to + i * columns + c);
      }
    }
  } else {
    const std::int64_t unit = traits_of(t.format).block_bytes, row = form.columns * unit;
    // Column by column when transposed: neighbouring wanted rows are neighbours in the file's rows.
    for (std::int64_t c = 0; form.transposed && c < columns; ++c) {
      for (std::int64_t i = 0; i < count; ++i) {
        const StoredPlace at = place_of(form, form.source_row(begin + i), form.column_begin + c);
        kernels::decode_dense(t.format, t.data + at.row * row + at.column * unit, 1, to + i * columns + c);
      }
    }
    for (std::int64_t i = 0; !form.transposed && i < count; ++i) {
      const std::byte* from = t.data + form.source_row(begin + i) * row + form.column_begin * unit;
      kernels::decode_dense(t.format, from, columns, to + i * columns);
    }
  }
  for (std::int64_t i = 0; t.subtract_one && i < count * columns; ++i) to[i] -= 1.0F;
}

}  // namespace ttt
