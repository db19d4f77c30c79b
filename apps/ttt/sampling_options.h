#pragma once

#include <cstdint>
#include <optional>

#include "apps/ttt/options.h"
#include "runtime/generate.h"
#include "runtime/generation_options.h"

namespace ttt::app {

// The options of commands that choose tokens.
struct SamplingFlags {
  SamplingChoice choice = {};
  std::optional<std::uint64_t> seed = {};
  bool ignore_generation_config = false;
};

void add_sampling_options(Command& command, SamplingFlags& flags);

// The settings of flags and generation_config.json together, checked, with the end tokens of the model's files. A seed
// that is not given is random, and the same on all ranks.
GenerateOptions generate_options(const ModelOptions& model, const SamplingFlags& flags, std::int64_t count,
                                 const Checkpoint& checkpoint, const Tokenizer& tokenizer, std::int64_t vocab);

}  // namespace ttt::app
