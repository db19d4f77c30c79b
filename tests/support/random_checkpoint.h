#pragma once

// Hugging Face directories of random Llama models, from a config.json alone. The generator is described in
// tools/make_random_checkpoint.py, which writes the same bytes; tests/golden/llama/checksums.json pins both.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ttt::support {

struct RandomTensor {
  std::string name;
  std::vector<std::int64_t> shape;

  std::int64_t elements() const {
    std::int64_t n = 1;
    for (const std::int64_t extent : shape) n *= extent;
    return n;
  }
};

enum class StoredAs { kF32, kBF16 };

struct RandomCheckpointOptions {
  StoredAs stored_as = StoredAs::kF32;
  std::int64_t shard_bytes = 0;  // 0: one file, else a new one where the next tensor would pass this
};

std::uint64_t fnv1a(std::string_view bytes);

// Element `index` of the stream of random words called `seed` (FNV-1a of its name): splitmix64 of a counter.
std::uint64_t random_word(std::uint64_t seed, std::int64_t index);

// The tokens that the golden logits were computed for; the first n of them do not depend on `count`.
std::vector<std::int32_t> random_tokens(std::int64_t vocab, std::int64_t count);

// The tensor's values as the bits of bfloat16.
std::vector<std::uint16_t> random_weights(const RandomTensor& tensor);

// Every tensor that a config.json of model_type "llama" asks for, in the order of the file.
std::vector<RandomTensor> llama_tensors(const Json& config);

std::string read_file(const std::filesystem::path& path);

void write_file(const std::filesystem::path& path, std::string_view bytes);

// The bytes of a safetensors file.
std::string random_safetensors(std::span<const RandomTensor> tensors, StoredAs stored_as);

// Writes config.json (with "dtype" set) and model.safetensors, or shards and model.safetensors.index.json.
void write_random_checkpoint(const std::filesystem::path& directory, Json config,
                             const RandomCheckpointOptions& options = {});

}  // namespace ttt::support
