#pragma once

#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "checkpoint/config_reader.h"

namespace ttt {

// The effect of rope_scaling, the older spelling, if rope_parameters is also present.
enum class RopeScalingKey : std::uint8_t {
  kReplaces,  // rope_parameters is ignored
  kUpdates,   // its members override those of rope_parameters
  kIgnored,
};

// What the reference's configuration class of a model type fixes about its rotary parameters.
struct RopeDefaults {
  double theta = 10000.0;
  std::string_view theta_key = "rope_theta";  // outside rope_parameters; empty: there is none
  std::int64_t max_positions = 0;             // of a configuration without max_position_embeddings; 0: unknown
  std::int64_t original = 0;  // default of original_max_position_embeddings outside; 0: the one inside is used
  // The rotated part of each head: its default, and its key outside rope_parameters.
  double part = 1.0;
  std::string_view part_key = "partial_rotary_factor";
  // Picks one of the objects of a configuration that keeps one for each kind of layer ("full_attention"). One object
  // for all kinds serves each of them.
  std::string_view layer_type = {};
  RopeScalingKey scaling_key = RopeScalingKey::kReplaces;
  // Whether the class rotates only the part of each head that partial_rotary_factor names. Others ignore it, and
  // fail at other rules than "default".
  bool rotates_part = true;
  // Whether the class multiplies what longrope turns by short_mscale or long_mscale, which the object must have.
  bool longrope_mscales = false;
  // JSON: rope_parameters of a configuration that has neither spelling. Empty: "default".
  std::string_view absent = {};
};

// Rotary parameters in one spelling, whatever the file uses: `rope_parameters` (theta inside), or `rope_scaling` (type
// or rope_type) beside `rope_theta`; null and absent are "default". Result: an object with at least
//   "rope_type": default | linear | dynamic | yarn | longrope | llama3 | proportional,  "rope_theta": number
// and the numbers of that type under their Hugging Face names, checked, with the reference's defaults for those that
// may be absent: `factor` of longrope and yarn, `original_max_position_embeddings`. For dynamic that is
// max_position_embeddings always. partial_rotary_factor is included where it counts. Unknown types are Error
// {kUnsupported} naming them. Source: modeling_rope_utils.py of transformers 5.
Json rope_parameters(ConfigReader& config, const RopeDefaults& defaults = {});

}  // namespace ttt
