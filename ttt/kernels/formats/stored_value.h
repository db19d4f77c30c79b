#pragma once

#include <cmath>
#include <cstdint>

#include "base/step.h"
#include "kernels/formats/half.h"

// One value of a row of the state, for kernels that are simple rather than fast.
namespace ttt::kernels {

template <class Real>
Real stored_value(const RowsView& rows, std::int32_t page, std::int64_t head, std::int64_t offset, std::int64_t d) {
  const std::byte* row = rows.row(page, head, offset);
  if (rows.format == Format::kF32) return static_cast<Real>(reinterpret_cast<const float*>(row)[d]);
  if (rows.format == Format::kBF16) {
    return static_cast<Real>(bf16_to_f32(reinterpret_cast<const std::uint16_t*>(row)[d]));
  }
  const std::byte* scales = rows.row_scales(page, head, offset);
  const Real code = static_cast<Real>(reinterpret_cast<const std::int8_t*>(row)[d]);
  if (rows.format == Format::kInt8) return code * static_cast<Real>(reinterpret_cast<const float*>(scales)[d / 32]);
  return std::ldexp(code, reinterpret_cast<const std::int8_t*>(scales)[d / 16]);
}

}  // namespace ttt::kernels
