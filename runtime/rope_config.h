#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/weights.h"
#include "checkpoint/config_reader.h"
#include "checkpoint/rope_parameters.h"
#include "embeddings/rotary.h"
#include "kernels/activation/activation.h"

namespace ttt {

// The RoPESpec that a Hugging Face configuration describes (rope_parameters, or rope_theta with rope_scaling), for
// heads of width `head_dim` and sequences of at most `context` rows. A configuration with rope_freq_factors takes
// explicit factors from the tensor "rope_freqs.weight". Rules whose factors depend on the sequence's length (longrope,
// dynamic) use those of `context`, which the reader's report names.
RoPESpec rope_spec(ConfigReader& config, WeightSource& source, std::int64_t head_dim, std::int64_t context,
                   const RopeDefaults& defaults = {});

// The longest sequence whose rotary factors are those of a short one: original_max_position_embeddings of a longrope
// configuration, else `limit`. Never above `limit`.
std::int64_t rows_before_longrope(const Json& config, std::int64_t limit);

// The activation named by `key`, or by `absent` when the configuration is silent; Error{kUnsupported} for other names.
Activation activation_of(ConfigReader& config, std::string_view key, std::string_view absent);

}  // namespace ttt
