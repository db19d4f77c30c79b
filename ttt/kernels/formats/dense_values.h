#pragma once

#include <cstddef>
#include <cstdint>

#include "base/format.h"

// Values of dense formats as f32, and back. Sources and targets may have any alignment, as in files.
namespace ttt::kernels {

// `count` values of f32, f16, bf16 or f64; f64 beyond the range of f32 becomes infinity. Throws Error{kInternal} for
// other formats.
void decode_dense(Format format, const std::byte* from, std::int64_t count, float* to);
// To f32, f16 or bf16, rounded to nearest even. Throws Error{kInternal} for other formats.
void encode_dense(Format format, const float* from, std::int64_t count, std::byte* to);

}  // namespace ttt::kernels
