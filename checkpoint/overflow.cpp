#include "checkpoint/overflow.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "checkpoint/weight_values.h"
#include "kernels/formats/packed_block.h"

namespace ttt {
namespace {

constexpr std::int64_t kBlockColumns = 32;
// From here on rounding to nearest even gives infinity.
constexpr float kBeyondF16 = 65520.0f, kBeyondBf16 = 0x1.FFp127f;

// Grouped formats whose scales and minima are f16.
bool has_half_scales(Format format) { return format == Format::kInt4 || format == Format::kQ8_0; }

bool is_infinite_half(std::uint16_t h) { return (h & 0x7FFF) == 0x7C00; }

double stored_double(const WeightForm& f, std::int64_t row, std::int64_t column) {
  std::int64_t r = f.source_row(row), c = f.column_begin + column;
  if (f.transposed) std::swap(r, c);
  double v = 0;
  std::memcpy(&v, f.tensor->data + (r * f.columns + c) * static_cast<std::int64_t>(sizeof v), sizeof v);
  return v;
}

}  // namespace

bool OverflowCheck::wanted() const {
  const Format to = form_.format, from = form_.tensor->format;
  if (to == from) return false;
  return to == Format::kF16 || to == Format::kBF16 || has_half_scales(to) || from == Format::kF64;
}

bool OverflowCheck::is_beyond(std::int64_t row, std::int64_t column, float value) const {
  const float magnitude = std::abs(value);
  if (std::isinf(magnitude)) {
    return form_.tensor->format == Format::kF64 && std::isfinite(stored_double(form_, row, column));
  }
  return (form_.format == Format::kF16 && magnitude >= kBeyondF16) ||
         (form_.format == Format::kBF16 && magnitude >= kBeyondBf16);
}

void OverflowCheck::found(std::int64_t row, std::int64_t column) {
  const std::int64_t at = row * form_.column_count + column;
  std::int64_t known = first_.load();
  while ((known < 0 || at < known) && !first_.compare_exchange_weak(known, at)) {
  }
}

void OverflowCheck::examine(std::int64_t begin, std::int64_t count, const float* values) {
  const std::int64_t columns = form_.column_count;
  for (std::int64_t r = 0; r < count; ++r) {
    const float* row = values + r * columns;
    bool any = false;
    for (std::int64_t c = 0; c < columns; ++c) any |= !(std::abs(row[c]) < kBeyondF16);
    if (!any) continue;
    if (!has_half_scales(form_.format)) {
      for (std::int64_t c = 0; c < columns; ++c) {
        if (is_beyond(begin + r, c, row[c])) return found(begin + r, c);
      }
      continue;
    }
    for (std::int64_t c = 0; c < columns; c += kBlockColumns) {
      const float* const block = row + c;
      const auto n = static_cast<int>(std::min(kBlockColumns, columns - c));
      if (!std::all_of(block, block + n, [](float v) { return std::isfinite(v); })) continue;
      const kernels::BlockCodes codes = kernels::quantise_block(form_.format, block, n);
      if (is_infinite_half(codes.scale) || is_infinite_half(codes.minimum)) return found(begin + r, c);
    }
  }
}

void OverflowCheck::require_none() const {
  const std::int64_t at = first_.load();
  if (at < 0) return;
  const std::int64_t row = at / form_.column_count, column = at % form_.column_count;
  float value = 0;
  std::vector<float> values(static_cast<std::size_t>(form_.column_count));
  read_values(form_, row, 1, values.data());
  value = values[static_cast<std::size_t>(column)];
  fail(ErrorKind::kUsage,
       text(form_.tensor->name, " cannot be ", name_of(form_.format), ": its value ", value, " in row ", row,
            ", column ", column, " is beyond what that format holds; bf16 and f32 reach further"));
}

}  // namespace ttt
