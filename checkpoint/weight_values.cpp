#include "checkpoint/weight_values.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernels/formats/packed.h"
#include "kernels/formats/packed_block.h"

namespace ttt {
namespace {

template <class T>
T load(const std::byte* p) {
  T v{};
  std::memcpy(&v, p, sizeof v);
  return v;
}

float bf16_to_f32(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

std::uint16_t f32_to_bf16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  // Rounding would carry a NaN with a small payload to infinity.
  if (std::isnan(x)) return static_cast<std::uint16_t>((bits >> 16) | 0x40);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

float to_f32(double x) {
  // Beyond the range of f32 the conversion is undefined.
  constexpr double kMax = 0x1.fffffefffffffp127;
  return std::abs(x) > kMax ? std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(x > 0 ? 1 : -1))
                            : static_cast<float>(x);
}

}  // namespace

void decode_dense(Format format, const std::byte* from, std::int64_t count, float* to) {
  switch (format) {
    case Format::kF32:
      std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
      return;
    case Format::kF16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = kernels::f16_to_f32(load<std::uint16_t>(from + 2 * i));
      return;
    case Format::kBF16:
      for (std::int64_t i = 0; i < count; ++i) to[i] = bf16_to_f32(load<std::uint16_t>(from + 2 * i));
      return;
    case Format::kF64:
      for (std::int64_t i = 0; i < count; ++i) to[i] = to_f32(load<double>(from + 8 * i));
      return;
    default:
      fail(ErrorKind::kInternal, text("decode_dense wanted a dense format, got ", name_of(format)));
  }
}

void encode_dense(Format format, const float* from, std::int64_t count, std::byte* to) {
  if (format == Format::kF32) {
    std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
    return;
  }
  const bool half = format == Format::kF16;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t v = half ? kernels::f32_to_f16(from[i]) : f32_to_bf16(from[i]);
    std::memcpy(to + 2 * i, &v, sizeof v);
  }
}

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
  if (is_grouped(t.format)) {
    // Blocks are decoded along the file's rows; what is left of a transposition are single values.
    const ConstTensorView view = stored_view(form);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = form.source_row(begin + i);
      if (!form.transposed) {
        kernels::decode_row(view, r, form.column_begin, columns, to + i * columns);
      } else {
        for (std::int64_t c = 0; c < columns; ++c) {
          kernels::decode_row(view, form.column_begin + c, r, 1, to + i * columns + c);
        }
      }
    }
  } else {
    const std::int64_t unit = traits_of(t.format).block_bytes, row = form.columns * unit;
    // Column by column when transposed: neighbouring wanted rows are neighbours in the file's rows.
    for (std::int64_t c = 0; form.transposed && c < columns; ++c) {
      const std::byte* from = t.data + (form.column_begin + c) * row;
      for (std::int64_t i = 0; i < count; ++i) {
        decode_dense(t.format, from + form.source_row(begin + i) * unit, 1, to + i * columns + c);
      }
    }
    for (std::int64_t i = 0; !form.transposed && i < count; ++i) {
      const std::byte* from = t.data + form.source_row(begin + i) * row + form.column_begin * unit;
      decode_dense(t.format, from, columns, to + i * columns);
    }
  }
  for (std::int64_t i = 0; t.subtract_one && i < count * columns; ++i) to[i] -= 1.0F;
}

}  // namespace ttt
