#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/cpu/level.h"

// The tile instructions of AMX on plain arrays, so that the kernels that use them are tested on every machine. What is
// an invalid opcode on the processor traps here too.
namespace ttt::kernels::TTT_LEVEL {

class EmulatedTiles {
 public:
  template <int kTile>
  void clear() {
    std::memset(at(kTile).data, 0, sizeof(Tile::data));
  }
  // Rows and bytes beyond the shape become zero.
  template <int kTile>
  void load(const void* from, std::int64_t stride) {
    clear<kTile>();
    Tile& t = at(kTile);
    for (int r = 0; r < t.rows; ++r) std::memcpy(t.data[r], static_cast<const char*>(from) + r * stride, t.row_bytes);
  }
  template <int kTile>
  void store(void* to, std::int64_t stride) {
    const Tile& t = at(kTile);
    for (int r = 0; r < t.rows; ++r) std::memcpy(static_cast<char*>(to) + r * stride, t.data[r], t.row_bytes);
  }

  template <int kSum, int kA, int kB>
  void add_bf16() {
    check<kSum, kA, kB>();
    Tile& sum = at(kSum);
    const Tile &a = at(kA), &b = at(kB);
    const int columns = sum.row_bytes / 4, pairs = a.row_bytes / 4;
    for (int m = 0; m < sum.rows; ++m) {
      float even[16] = {}, odd[16] = {}, total[16];
      for (int k = 0; k < pairs; ++k) {
        const float a_even = bf16_at(a, m, 2 * k), a_odd = bf16_at(a, m, 2 * k + 1);
        // The product of two bf16 numbers is exact in f32, so that this rounds as often as a fused operation does.
        for (int n = 0; n < columns; ++n) {
          even[n] = flushed(even[n] + a_even * bf16_at(b, k, 2 * n));
          odd[n] = flushed(odd[n] + a_odd * bf16_at(b, k, 2 * n + 1));
        }
      }
      std::memcpy(total, sum.data[m], sizeof total);
      for (int n = 0; n < columns; ++n) total[n] = flushed(flushed(total[n]) + flushed(even[n] + odd[n]));
      std::memcpy(sum.data[m], total, static_cast<std::size_t>(sum.row_bytes));
    }
  }

  template <int kSum, int kA, int kB>
  void add_int8() {
    check<kSum, kA, kB>();
    Tile& sum = at(kSum);
    const Tile &a = at(kA), &b = at(kB);
    const int columns = sum.row_bytes / 4, quads = a.row_bytes / 4;
    for (int m = 0; m < sum.rows; ++m) {
      std::int32_t total[16];
      std::memcpy(total, sum.data[m], sizeof total);
      for (int k = 0; k < quads; ++k) {
        for (int n = 0; n < columns; ++n) {
          std::int32_t dot = 0;
          for (int i = 0; i < 4; ++i) dot += code(a.data[m][4 * k + i]) * code(b.data[k][4 * n + i]);
          total[n] = static_cast<std::int32_t>(static_cast<std::uint32_t>(total[n]) + static_cast<std::uint32_t>(dot));
        }
      }
      std::memcpy(sum.data[m], total, static_cast<std::size_t>(sum.row_bytes));
    }
  }

 protected:
  EmulatedTiles() = default;
  void shape(int palette, const std::uint8_t* rows, const std::uint16_t* row_bytes) {
    if (palette != 1) __builtin_trap();
    for (int i = 0; i < 8; ++i) {
      if (rows[i] > 16 || row_bytes[i] > 64 || (rows[i] == 0) != (row_bytes[i] == 0)) __builtin_trap();
      tiles_[i] = {{}, rows[i], row_bytes[i]};
    }
    for (int i = 8; i < 16; ++i) {
      if (rows[i] != 0 || row_bytes[i] != 0) __builtin_trap();
    }
  }

 private:
  struct Tile {
    unsigned char data[16][64];
    int rows, row_bytes;
  };

  // A register without a shape may not be named.
  Tile& at(int tile) {
    if (tiles_[tile].rows == 0) __builtin_trap();
    return tiles_[tile];
  }
  template <int kSum, int kA, int kB>
  void check() {
    static_assert(kSum != kA && kA != kB && kSum != kB);
    const Tile &sum = at(kSum), &a = at(kA), &b = at(kB);
    if (sum.row_bytes % 4 != 0 || a.row_bytes % 4 != 0 || b.row_bytes % 4 != 0) __builtin_trap();
    if (sum.rows != a.rows || a.row_bytes / 4 != b.rows || sum.row_bytes != b.row_bytes) __builtin_trap();
  }

  static float flushed(float x) { return x < 0x1p-126f && x > -0x1p-126f ? 0.0f * x : x; }
  static float bf16_at(const Tile& t, int row, int i) {
    std::uint16_t h = 0;
    std::memcpy(&h, &t.data[row][2 * i], sizeof h);
    const std::uint32_t bits = std::uint32_t{h} << 16;
    float x = 0;
    std::memcpy(&x, &bits, sizeof x);
    return flushed(x);
  }
  static std::int32_t code(unsigned char byte) { return static_cast<std::int8_t>(byte); }

  Tile tiles_[8] = {};
};

}  // namespace ttt::kernels::TTT_LEVEL
