#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "attention/attention_spec.h"
#include "embeddings/rotary.h"
#include "kernels/activation/activation.h"
#include "model/scope.h"
#include "runtime/decoder_config.h"
#include "runtime/rope_config.h"

namespace ttt {

// What the layers of most decoders read beside their shape.
struct DecoderConfig : DecoderShape {
  std::int64_t ffn = 0;
  float eps = 0;
  Activation activation = Activation::kSilu;
  RoPESpec rope = {};
  std::vector<std::int64_t> windows = {};  // by layer: rows that a query sees, its own included; 0: all before it
};

// What stands for keys that are missing, and which of the usual keys a class reads.
struct DecoderConfigDefaults {
  DecoderDefaults shape = {};
  std::int64_t ffn = 0;
  double eps = 1e-6;
  std::string_view eps_key = "rms_norm_eps", activation_key = "hidden_act", activation = "silu";
  RopeDefaults rope = {.rotates_part = false};
  DecoderNames names = {};
};

// All but the windows: one 0 for each layer.
DecoderConfig read_decoder_config(ConfigReader& config, WeightSource& source, std::int64_t context,
                                  const DecoderConfigDefaults& defaults);
DecoderConfig read_decoder_config(ConfigReader& config, const Scope& scope, const DecoderConfigDefaults& defaults);

// Error{kUnsupported} where rope_parameters is one set of parameters for all kinds of layers, for classes that keep one
// for each.
void require_rope_by_layer(ConfigReader& config);

// sliding_window; 0 where it is null, or where it is missing and `absent` is 0.
std::int64_t read_window(ConfigReader& config, std::int64_t absent);
// By layer, from layer_types; where the configuration is silent, every `full_every`-th layer has no window (0: all have
// one). Error{kBadData} for layers of sliding_attention where the window is 0.
std::vector<std::int64_t> read_windows(ConfigReader& config, std::int64_t layers, std::int64_t window,
                                       std::int64_t full_every);

// num_experts_per_tok, at most `experts`.
std::int64_t read_top_k(ConfigReader& config, std::int64_t absent, std::int64_t experts);

// Grouped heads, rotated, with the window of this layer; bias: on all four projections.
AttentionSpec attention_spec(const DecoderConfig& config, std::int64_t layer, bool bias = false);

}  // namespace ttt
