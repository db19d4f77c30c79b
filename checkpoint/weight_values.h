#pragma once

#include <cstdint>

#include "base/tensor.h"
#include "checkpoint/weight_form.h"

namespace ttt {

// Values of stored tensors as f32; sources may be unaligned.

// Wanted rows [begin, begin + count) of a form with `transposed` and `subtract_one` applied, as f32
// [count, column_count].
void read_values(const WeightForm& form, std::int64_t begin, std::int64_t count, float* to);

// The stored tensor of a form as a row-major matrix view of its file.
ConstTensorView stored_view(const WeightForm& form);

}  // namespace ttt
