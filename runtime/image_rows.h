#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"

namespace ttt {

// An image as the input rows of a model, instead of ids: one for the class token, which holds zeros and is not read,
// then one for each patch, from left to right and from top to bottom, with the values of a patch channel by channel.
// So a convolution whose stride is its width is a matrix product.
struct ImageRows {
  std::int64_t rows = 0, width = 0;
  std::vector<float> values = {};  // [rows, width]
};

// pixels: [channels, height, width] or [1, channels, height, width], normalised for the model. Channels,
// patch and image size are num_channels, patch_size and image_size of the configuration; Error{kUsage} for pixels of
// another shape.
ImageRows image_rows(const Json& config, const std::string& where, std::span<const std::int64_t> shape,
                     std::span<const float> pixels);

}  // namespace ttt
