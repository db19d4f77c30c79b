#include "attention/rotation.h"

#include <utility>

namespace ttt {

Rotation make_rotation(const RoPESpec& rope, const DeviceTraits& traits, bool reference) {
  RotaryFrequencies frequencies = rope_frequencies(rope, rope.context);
  return {.inv_freq = std::move(frequencies.inv_freq),
          .axes = rope_axes(rope),
          .attention_factor = frequencies.attention_factor,
          .kernel = kernels::select_rotary_table(traits, reference)};
}

void Rotation::fill(Exec& exec, const Step& step, TensorView table) const {
  exec.launch(kernel, {.positions = step.batch.positions,
                       .axes = axes,
                       .inv_freq = inv_freq,
                       .attention_factor = attention_factor,
                       .table = table});
}

}  // namespace ttt
