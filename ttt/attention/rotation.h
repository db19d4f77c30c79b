#pragma once

#include <cstdint>
#include <vector>

#include "base/exec.h"
#include "base/step.h"
#include "embeddings/rotary.h"
#include "kernels/attention/store_rows.h"

namespace ttt {

// The rotation of queries and keys by their positions, as a mixer (a block of attention) stores it.
struct Rotation {
  std::vector<float> inv_freq = {};     // [pairs]
  std::vector<std::int32_t> axes = {};  // [pairs], axis of the positions; empty: the first
  float attention_factor = 1;
  kernels::RotaryTableFn kernel = nullptr;

  std::int64_t pairs() const { return static_cast<std::int64_t>(inv_freq.size()); }
  // table: [rows, 2 * pairs], in the format that rotary_table_format says
  void fill(Exec& exec, const Step& step, TensorView table) const;
};
Rotation make_rotation(const RoPESpec& rope, const DeviceTraits& traits, bool reference);

}  // namespace ttt
