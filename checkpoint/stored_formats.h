#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "checkpoint/stored_tensor.h"

namespace ttt {

// Grouped formats in safetensors files (docs/quantize.md). A matrix is a tensor of dtype U8 whose last extent is the
// bytes of a row (kernels/formats/stored_block.h; blocks of GGUF formats as in GGUF files), and __metadata__ has the
// key "ttt.formats" with JSON text:
//     {"version": 1, "tensors": {"NAME": {"format": "int4", "shape": [rows, columns]}}}
// "transposed": true says that the last two extents are stored in the opposite order.

inline constexpr std::string_view kStoredFormatsKey = "ttt.formats";
inline constexpr std::int64_t kStoredFormatsVersion = 1;

// Gives the tensors of one file the formats and shapes that its metadata names. Error{kBadData} for a description that
// contradicts the file; Error{kUnsupported} for another version or an unknown format.
void apply_stored_formats(std::vector<StoredTensor>& tensors,
                          const std::vector<std::pair<std::string, std::string>>& metadata, const std::string& file);

// One entry of "tensors".
Json stored_format_entry(Format format, const Shape& shape, bool transposed);
// The value of the key, from an object of entries.
std::string stored_formats_text(Json tensors);

}  // namespace ttt
