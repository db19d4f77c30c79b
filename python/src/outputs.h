#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "python/src/arrays.h"
#include "python/src/model.h"

namespace ttt::python {

// One sequence whose outputs are wanted.
struct OutputRequest {
  std::span<const std::int32_t> ids = {};
  std::span<const std::int32_t> types = {};   // token types, or none
  std::span<const std::int32_t> source = {};  // what an encoder-decoder's encoder reads
  std::int64_t last = 0;                      // rows from the end whose outputs are wanted; of classes 1
};

// Outputs of all wanted rows, sequence after sequence: [sum of last, output_size]. Short sequences share steps, unless
// taps are set: then every sequence has steps of its own. Inside PyModel::compute.
OwnedFloats outputs_of(PyModel& model, std::span<const OutputRequest> requests);

// Of an image: normalised pixels [channels, height, width].
OwnedFloats outputs_of_image(PyModel& model, std::span<const std::int64_t> shape, std::span<const float> pixels,
                             std::int64_t& rows);

}  // namespace ttt::python
