#pragma once

// Small Llama checkpoints for tests of the runtime and the tool: random ones, and one whose logits are the same numbers
// after every token.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "support/random_checkpoint.h"

namespace ttt::support {

// The config.json of a shape in tests/golden/llama.
Json golden_config(const std::string& shape);

// One layer, four heads over two of keys and values.
Json tiny_config(std::int64_t vocab, std::int64_t positions = 4096);

struct NamedValues {
  RandomTensor tensor;
  std::vector<float> values;
};

// The bytes of a safetensors file of f32 tensors.
std::string f32_safetensors(const std::vector<NamedValues>& tensors);

// A checkpoint whose logits do not depend on the tokens: logit(id) for every id, less a factor sqrt(1 + eps).
// Embeddings are ones, and attention and MLP add nothing.
void write_constant_checkpoint(const std::filesystem::path& directory, Json config,
                               const std::function<float(std::int64_t id)>& logit);

// A checkpoint that finds, after every token of `chain` but the last, the next one likeliest. The chain has no token
// twice and at most hidden_size + 1; after other tokens all logits are 0.
void write_chain_checkpoint(const std::filesystem::path& directory, Json config,
                            const std::vector<std::int32_t>& chain);

}  // namespace ttt::support
