#pragma once

#include <cstddef>
#include <cstdint>

namespace ttt::kernels {

// The loops of machine_peak.cpp at one level. Each arithmetic loop runs `n` rounds and returns the operations
// of all of them; `sink` keeps the result alive.
struct PeakLoops {
  using Loop = double (*)(std::int64_t n, float* sink) noexcept;
  Loop f32, bf16, int8;
  float (*read)(const std::byte* data, std::int64_t bytes) noexcept;  // bytes: a multiple of 1024
};

}  // namespace ttt::kernels
