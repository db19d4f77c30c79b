#pragma once

#include <cstdint>
#include <string_view>

#include "base/weights.h"
#include "checkpoint/config_reader.h"
#include "embeddings/rotary.h"
#include "kernels/activation/activation.h"

namespace ttt {

// The RoPESpec that a Hugging Face configuration describes (rope_parameters, or rope_theta with rope_scaling), for
// heads of width `head_dim` and sequences of at most `context` rows. A configuration with rope_freq_factors takes
// explicit factors from the tensor "rope_freqs.weight".
RoPESpec rope_spec(ConfigReader& config, WeightSource& source, std::int64_t head_dim, std::int64_t context,
                   double default_theta = 10000.0, std::string_view layer_type = "");

// The activation named by `key`, or by `absent` when the configuration is silent; Error{kUnsupported} for other names.
Activation activation_of(ConfigReader& config, std::string_view key, std::string_view absent);

}  // namespace ttt
