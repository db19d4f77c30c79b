#pragma once

#include <cstdint>

#include "base/tensor.h"

namespace ttt::kernels::reference {

struct RowScale {
  double mean = 0, root = 1, weight_offset = 0;
  const float* weight = nullptr;  // null: gain 1
  const float* bias = nullptr;    // null: none
};

inline const float* values_or_null(const ConstTensorView& vector) {
  return vector.data == nullptr ? nullptr : vector.row<float>(0);
}

// y = (x - mean) / root * (weight_offset + weight) + bias, or y += that.
template <bool kAdd>
void scale_row(const float* x, float* y, std::int64_t n, const RowScale& s) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double gain = s.weight == nullptr ? 1 : s.weight_offset + static_cast<double>(s.weight[i]);
    double v = (static_cast<double>(x[i]) - s.mean) / s.root * gain;
    if (s.bias != nullptr) v += static_cast<double>(s.bias[i]);
    y[i] = static_cast<float>(kAdd ? static_cast<double>(y[i]) + v : v);
  }
}

}  // namespace ttt::kernels::reference
