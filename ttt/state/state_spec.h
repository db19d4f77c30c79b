#pragma once

#include <cstdint>
#include <span>

#include "base/format.h"
#include "base/step.h"

namespace ttt {

// What one mixer (a block of attention) keeps of every token: rows of keys and values of `heads` heads (this rank's),
// stored by a StatePool.
struct StateSpec {
  std::int64_t heads = 0, key_dim = 0, value_dim = 0;
  Format format = Format::kF32;  // f32, bf16, int8 or bfp8_b
  Visible visible = {};          // rows that no later query can see are released
  // Rows of another sequence (an encoder's states), at most this many: stored once, never truncated or released,
  // and not extended by the step's own tokens. 0: one row for every token.
  std::int64_t source_rows = 0;
  std::int64_t shared_slot = -1;   // an earlier slot whose rows are used; -1: own rows
  std::int64_t position_axes = 1;  // positions of a row that the mixer reads (RoPESpec::sections); no part of the rows
  // The rows are read only in the step that stores them, as where a row sees later rows. They take the memory of one
  // step, which slots of the same layout reuse one after the other.
  bool step_only = false;

  bool operator==(const StateSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("heads", self.heads);
    visit("key_dim", self.key_dim);
    visit("value_dim", self.value_dim);
    visit("format", self.format);
    visit("visible", self.visible);
    visit("source_rows", self.source_rows);
    visit("shared_slot", self.shared_slot);
    visit("position_axes", self.position_axes);
    visit("step_only", self.step_only);
  }
};

// Whether each sequence must be whole in one step, because no rows are kept that its later rows could read.
bool whole_sequences(std::span<const StateSpec> slots);
// The most rows of another sequence that a slot has room for; 0: no slot keeps any.
std::int64_t most_source_rows(std::span<const StateSpec> slots);

inline constexpr std::int64_t kStateGroup = 32;           // values of an int8 row that share an f32 scale
inline constexpr std::int64_t kStateSharedExponent = 16;  // values of a bfp8_b row that share a power of two

// Bytes of the codes and of the scales of one row of `dim` values. Throws Error{kUnsupported} for other formats.
struct StateRowBytes {
  std::int64_t data = 0, scales = 0;
};
StateRowBytes state_row_bytes(Format format, std::int64_t dim);

}  // namespace ttt
