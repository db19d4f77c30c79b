#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/load.h"

namespace ttt {

struct QuantizeOptions {
  // A name that ends in ".gguf": a GGUF file, which replaces one of that name. Any other: a Hugging Face directory,
  // which must not exist or be empty.
  std::filesystem::path output = {};
  // weight_format and impl say what becomes of which weight, as when the source is loaded with them.
  LoadOptions load = {};
  std::int64_t shard_bytes = 5'000'000'000;  // of one file of a directory, at most, unless one tensor is larger
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};  // bytes; may be empty
  std::function<bool()> stop = {};                                           // asked often; true: give up
};

struct QuantizeResult {
  bool finished = false;  // false: stopped; nothing is left
  std::int64_t tensors = 0;
  std::int64_t source_bytes = 0, bytes = 0;  // of tensors
  std::vector<std::string> notes = {};
};

// Writes a checkpoint with the weights of `source` in other formats: loading it gives bitwise the results that `source`
// gives when loaded with the same weight_format and impl (docs/quantize.md). One tensor at a time is read, so memory
// beside the mapped source stays at a few megabytes. The output appears under its name once all of it is written; what
// was written is removed if anything fails.
//
// Errors: those of plan_quantize; Error{kUsage} for an output that is the source or a directory that is not empty;
// Error{kUnsupported} for a format that GGUF files do not have, and for a GGUF output of a directory; Error{kResources}
// when the disk is full, Error{kIo} for other failures of writing.
QuantizeResult quantize(const Checkpoint& source, std::span<const Family> families, const QuantizeOptions& options);

}  // namespace ttt
