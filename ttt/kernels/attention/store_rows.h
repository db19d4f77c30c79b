#pragma once

#include <cstdint>
#include <span>

#include "base/exec.h"
#include "base/step.h"
#include "base/tensor.h"

// Rotation of queries and keys, and the write of keys and values to the pages of the state.
namespace ttt::kernels {

// table[r, i] = attention_factor * cos(a), table[r, pairs + i] = attention_factor * sin(a),
// a = f32(positions[r]) * inv_freq[i] rounded to f32. With `reference` the table is f64.
struct RotaryTableArgs {
  std::span<const std::int64_t> positions = {};  // [rows], or axis by axis
  std::span<const std::int32_t> axes = {};       // [pairs], the axis that rotates a pair; empty: the first
  std::span<const float> inv_freq = {};          // [pairs]
  float attention_factor = 1;
  TensorView table = {};  // [rows, 2 * pairs], f32 or f64
};
using RotaryTableFn = void (*)(Exec&, const RotaryTableArgs&) noexcept;
RotaryTableFn select_rotary_table(const DeviceTraits& traits, bool reference = false);
inline constexpr Format rotary_table_format(bool reference) { return reference ? Format::kF64 : Format::kF32; }
double operations(const RotaryTableArgs& args);
double bytes(const RotaryTableArgs& args);

// A query at a position is multiplied by 1 + scale * log(1 + floor((position + offset) / floor)).
struct Temperature {
  float scale = 0;  // 0: no factor
  std::int64_t floor = 1, offset = 0;
};

struct StoreRowsArgs {
  TensorView q = {};             // [rows, heads * key_dim], f32; rotated in place
  TensorView k = {};             // [rows, kv_heads * key_dim], f32; rotated in place
  ConstTensorView v = {};        // [rows, kv_heads * value_dim], f32
  ConstTensorView table = {};    // [rows, 2 * pairs]; the first 2 * pairs values of a head are rotated
  std::int64_t block_pairs = 0;  // pairs (i, i + block_pairs) in blocks of 2 * block_pairs values; 0: one block
  std::int64_t heads = 0, kv_heads = 0, key_dim = 0, value_dim = 0;
  BatchView batch = {};
  AttentionStateView state = {};
  Temperature temperature = {};
};
using StoreRowsFn = void (*)(Exec&, const StoreRowsArgs&) noexcept;

// By [interleaved].
struct StoreRowsKernels {
  RotaryTableFn rotary_table;
  StoreRowsFn f32[2], bf16[2], int8[2], bfp8[2];
};
// In double precision: queries and keys are rotated in place, and nothing is stored.
struct RotateRowsKernels {
  RotaryTableFn rotary_table;
  StoreRowsFn rotate[2];
};

// interleaved: pairs are (2i, 2i + 1), and block_pairs is not read. reference: rotated in double precision and rounded
// to f32 once, before the format of the state. Never null: throws Error{kUnsupported} naming the format.
StoreRowsFn select_store_rows(const DeviceTraits& traits, Format state, bool interleaved, bool reference = false);
double operations(const StoreRowsArgs& args);
double bytes(const StoreRowsArgs& args);

}  // namespace ttt::kernels
