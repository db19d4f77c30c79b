#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/format.h"

namespace ttt {

// A tensor type of GGUF files: enum ggml_type of ggml-org/llama.cpp.
struct GgufTensorType {
  std::uint32_t id = 0;
  std::string_view name = {};
  Format format = Format::kOther;
  std::int64_t block_elements = 1;
  std::int64_t block_bytes = 0;
};

// Above the largest id.
inline constexpr std::uint32_t kGgufTensorTypes = 42;
// Nothing for ids that were never given out, or were withdrawn.
std::optional<GgufTensorType> gguf_tensor_type(std::uint32_t id);

}  // namespace ttt
