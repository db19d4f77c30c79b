#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/level.h"

// The tile registers of AMX: eight, each of up to 16 rows x 64 bytes, and products of two of them. TTT_TILES is defined
// where a level has them: by the instructions, or, for tests on any machine, by a plain emulation of these. Sources:
// Intel SDM volume 1, 18 (tile configuration), volume 2 (LDTILECFG, TILELOADD, TDPBF16PS, TDPBSSD).
#if defined(__AMX_TILE__) && defined(__AMX_INT8__) && defined(__AMX_BF16__)
#define TTT_TILES 1
#elif defined(TTT_EMULATED_TILES)
#define TTT_TILES 1
#include "kernels/cpu/emulated_tiles.h"
#endif

#if defined(TTT_TILES)
namespace ttt::kernels::TTT_LEVEL {

inline constexpr int kTileRows = 16, kTileBytes = 64, kTileRegisters = 8;

// The shapes of the registers, as LDTILECFG reads them.
struct TileConfig {
  std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
  std::uint16_t row_bytes[16] = {};
  std::uint8_t rows[16] = {};

  constexpr void set(int tile, int tile_rows, int bytes) {
    rows[tile] = static_cast<std::uint8_t>(tile_rows);
    row_bytes[tile] = static_cast<std::uint16_t>(bytes);
  }
};
static_assert(sizeof(TileConfig) == 64);

#if !defined(TTT_EMULATED_TILES)

// The registers of this thread, in use while the object lives. Operations on memory are declared to access all of it,
// because the compiler does not know how much they read.
class Tiles {
 public:
  TTT_INLINE_MEMBER explicit Tiles(const TileConfig& config) { configure(config); }
  TTT_INLINE_MEMBER ~Tiles() { __asm__ volatile("tilerelease" ::: "memory"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  // Clears all registers.
  TTT_INLINE_MEMBER void configure(const TileConfig& config) {
    __asm__ volatile("ldtilecfg %0" : : "m"(config) : "memory");
  }
  template <int kTile>
  TTT_INLINE_MEMBER void clear() {
    __asm__ volatile("tilezero %%tmm%c0" : : "i"(kTile));
  }
  // Rows lie `stride` bytes apart.
  template <int kTile>
  TTT_INLINE_MEMBER void load(const void* from, std::int64_t stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(from), "r"(stride), "i"(kTile) : "memory");
  }
  template <int kTile>
  TTT_INLINE_MEMBER void store(void* to, std::int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(to), "r"(stride), "i"(kTile) : "memory");
  }
  // sum[m][n] += the sum over k of a[m][k] * b[k / 2][n][k % 2]: bf16 products in f32. Even and odd k are
  // summed separately, then added to each other and to the sum; denormal numbers are treated as zero.
  template <int kSum, int kA, int kB>
  TTT_INLINE_MEMBER void add_bf16() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
  // sum[m][n] += the sum over k of a[m][k] * b[k / 4][n][k % 4]: signed bytes in i32.
  template <int kSum, int kA, int kB>
  TTT_INLINE_MEMBER void add_int8() {
    __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(kSum), "i"(kA), "i"(kB));
  }
};

#else

class Tiles : public EmulatedTiles {
 public:
  explicit Tiles(const TileConfig& config) { configure(config); }
  void configure(const TileConfig& config) { shape(config.palette, config.rows, config.row_bytes); }
};

#endif

}  // namespace ttt::kernels::TTT_LEVEL
#endif
