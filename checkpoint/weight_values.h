#pragma once

#include <cstdint>

#include "base/tensor.h"
#include "checkpoint/weight_form.h"

namespace ttt {

// Values of stored tensors as f32, and back; sources may be unaligned.

// `count` values of a dense format or f64.
void decode_dense(Format format, const std::byte* from, std::int64_t count, float* to);
// To f32, f16 or bf16, rounded to nearest even.
void encode_dense(Format format, const float* from, std::int64_t count, std::byte* to);

// Wanted rows [begin, begin + count) of a form with `transposed` and `subtract_one` applied, as f32
// [count, column_count].
void read_values(const WeightForm& form, std::int64_t begin, std::int64_t count, float* to);

// The stored tensor of a form as a row-major matrix view of its file.
ConstTensorView stored_view(const WeightForm& form);

}  // namespace ttt
