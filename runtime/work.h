#pragma once

#include <cstdint>

#include "kernels/matmul/matmul.h"
#include "model/tree.h"

namespace ttt {

// What a model's shape demands of the machine, whatever the kernels: the yardstick of benchmarks.

// Bytes that a step of `rows` rows must read: every matrix once at its format's nominal bits, and the stored rows of
// `sequences` sequences of `length` rows each. Of a mixture of experts only those experts that are chosen: as many as
// there would be on average if every row chose at random.
double step_bytes(const ModelTree& tree, std::int64_t rows, std::int64_t sequences, std::int64_t length);
// Of a step that adds a row to each sequence.
double decode_bytes(const ModelTree& tree, std::int64_t sequences, std::int64_t length);

// Parameters of the matrices that are multiplied with activations of one form.
struct MatrixWork {
  double f32 = 0, bf16 = 0, int8 = 0;
  kernels::ActivationForm main() const;  // the form with the most parameters
};
MatrixWork matrix_work(const ModelTree& tree, const DeviceTraits& traits, Strategy strategy);

}  // namespace ttt
