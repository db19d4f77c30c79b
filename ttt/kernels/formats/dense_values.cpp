#include "kernels/formats/dense_values.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernels/formats/half.h"

namespace ttt::kernels {
namespace {

template <class T, class Convert>
void decode(const std::byte* from, std::int64_t count, float* to, const Convert& convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    T v;
    std::memcpy(&v, from + i * static_cast<std::int64_t>(sizeof v), sizeof v);
    to[i] = convert(v);
  }
}

template <class Convert>
void encode(const float* from, std::int64_t count, std::byte* to, const Convert& convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint16_t v = convert(from[i]);
    std::memcpy(to + 2 * i, &v, sizeof v);
  }
}

float f64_to_f32(double x) {
  // Beyond the range of f32 the conversion is undefined.
  constexpr double kMost = std::numeric_limits<float>::max();
  if (x > kMost) return std::numeric_limits<float>::infinity();
  return x < -kMost ? -std::numeric_limits<float>::infinity() : static_cast<float>(x);
}

}  // namespace

void decode_dense(Format format, const std::byte* from, std::int64_t count, float* to) {
  switch (format) {
    case Format::kF32:
      if (count > 0)
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));  // null when there are none
      return;
    case Format::kF16:
      decode<std::uint16_t>(from, count, to, [](std::uint16_t h) { return f16_to_f32(h); });
      return;
    case Format::kBF16:
      decode<std::uint16_t>(from, count, to, [](std::uint16_t h) { return bf16_to_f32(h); });
      return;
    case Format::kF64:
      decode<double>(from, count, to, f64_to_f32);
      return;
    default:
      fail(ErrorKind::kInternal, text("decode_dense wanted a dense format, got ", name_of(format)));
  }
}

void encode_dense(Format format, const float* from, std::int64_t count, std::byte* to) {
  switch (format) {
    case Format::kF32:
      if (count > 0)
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));  // null when there are none
      return;
    case Format::kF16:
      encode(from, count, to, [](float x) { return f32_to_f16(x); });
      return;
    case Format::kBF16:
      encode(from, count, to, [](float x) { return f32_to_bf16(x); });
      return;
    default:
      fail(ErrorKind::kInternal, text("encode_dense wanted f32, f16 or bf16, got ", name_of(format)));
  }
}

}  // namespace ttt::kernels
