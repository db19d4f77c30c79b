// Compiled as a level of its own, so that the emulation can be asked directly.
#define TTT_LEVEL emulated_tiles_test
#define TTT_EMULATED_TILES
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

#include "bench/machine_peak/peak_loops.h"
#include "kernels/cpu/tiles.h"
#include "kernels/emulated_levels.h"

// The emulated tile instructions against what the manual says of them.

namespace ttt::kernels::emulated_tiles_test {
namespace {

std::uint16_t bf16(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, 4);
  return static_cast<std::uint16_t>(bits >> 16);  // of numbers that bf16 holds
}

// sum: 3 rows x 2 columns, a: 3 rows x 4 values (2 pairs), b: 2 pairs x 2 columns.
TileConfig small_config(int value_bytes) {
  TileConfig c;
  c.set(0, 3, 8);
  c.set(1, 3, 4 * value_bytes);
  c.set(2, value_bytes, 8);
  return c;
}

using Values = std::array<float, 6>;  // [3][2]

Values bf16_products(const std::array<float, 12>& a, const std::array<float, 8>& b, const Values& before) {
  std::array<std::uint16_t, 12> a_bits;
  std::array<std::uint16_t, 8> b_bits;
  for (std::size_t i = 0; i < a.size(); ++i) a_bits[i] = bf16(a[i]);
  for (std::size_t i = 0; i < b.size(); ++i) b_bits[i] = bf16(b[i]);
  Tiles tiles(small_config(2));
  Values sums = before;
  tiles.load<0>(sums.data(), 8);
  tiles.load<1>(a_bits.data(), 8);
  tiles.load<2>(b_bits.data(), 8);
  tiles.add_bf16<0, 1, 2>();
  tiles.store<0>(sums.data(), 8);
  return sums;
}

TEST(EmulatedTiles, MultipliesPairsOfBf16) {
  // Pairs of b: column 0 (1, 2), column 1 (3, 4); then column 0 (5, 6), column 1 (7, 8).
  const Values got =
      bf16_products({1, 0, 0, 0, 0, 1, 0, 0, 1, 10, 100, 1000}, {1, 2, 3, 4, 5, 6, 7, 8}, {0.5f, 0, 0, 0, 0, -1});
  const Values want{1.5f, 3, 2, 4, 1 + 20 + 500 + 6000, 3 + 40 + 700 + 8000 - 1};
  EXPECT_EQ(got, want);
}

// Even and odd inputs are summed apart, then with each other, and that is added to the sum.
TEST(EmulatedTiles, RoundsInTheOrderOfTheManual) {
  const float tiny = 0x1p-24f;  // half a unit in the last place of 1
  // Row 0: even 1 - 1 = 0, odd tiny: kept. Row 1: even 1 + tiny = 1 (to even), odd -1.
  const Values got =
      bf16_products({1, tiny, -1, 0, 1, -1, tiny, 0, tiny, tiny, 0, 0}, {1, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 1, 0});
  const Values want{tiny, tiny, 0, 0, 1 + 2 * tiny, 2 * tiny};
  EXPECT_EQ(got, want);
}

TEST(EmulatedTiles, DenormalNumbersCountAsZero) {
  const Values got = bf16_products({0x1p-127f, 0, 0, 0, 0x1p-100f, 0, 0, 0, 1, 0, 0, 0},
                                   {1, 0, 0x1p-27f, 0, 0, 0, 0, 0}, {0, 0, 0, 0, 0x1p-127f, 0});
  const Values want{0, 0, 0x1p-100f, 0, 1, 0x1p-27f};
  EXPECT_EQ(got, want);
}

TEST(EmulatedTiles, MultipliesQuadsOfSignedBytes) {
  std::array<std::int8_t, 48> a;  // [3][16]
  std::array<std::int8_t, 32> b;  // [4][2][4]
  std::mt19937 random(1);
  for (std::int8_t& v : a) v = static_cast<std::int8_t>(random());
  for (std::int8_t& v : b) v = static_cast<std::int8_t>(random());
  a[0] = b[0] = -128;
  TileConfig config;
  config.set(0, 3, 8);
  config.set(1, 3, 16);
  config.set(2, 4, 8);
  std::array<std::int32_t, 6> sums{7, 0, 0, 0, 0, -7}, want = sums;
  Tiles tiles(config);
  tiles.load<0>(sums.data(), 8);
  tiles.load<1>(a.data(), 16);
  tiles.load<2>(b.data(), 8);
  tiles.add_int8<0, 1, 2>();
  tiles.store<0>(sums.data(), 8);
  for (std::size_t m = 0; m < 3; ++m) {
    for (std::size_t n = 0; n < 2; ++n) {
      for (std::size_t k = 0; k < 16; ++k) want[m * 2 + n] += a[m * 16 + k] * b[k / 4 * 8 + n * 4 + k % 4];
    }
  }
  EXPECT_EQ(sums, want);
}

TEST(EmulatedTiles, StoresItsShapeOnly) {
  TileConfig config;
  config.set(0, 2, 8);
  const std::array<float, 8> from{1, 2, 3, 4, 5, 6, 7, 8};
  std::array<float, 8> to{};
  Tiles tiles(config);
  tiles.load<0>(from.data(), 16);
  tiles.store<0>(to.data(), 16);
  EXPECT_EQ(to, (std::array<float, 8>{1, 2, 0, 0, 5, 6, 0, 0}));
  tiles.configure(config);  // clears
  tiles.store<0>(to.data(), 16);
  EXPECT_EQ(to, (std::array<float, 8>{}));
}

// What the processor answers with an invalid opcode.
TEST(EmulatedTilesDeathTest, RefusesShapesThatDoNotFit) {
  TileConfig config = small_config(2);
  config.set(2, 3, 8);  // three pairs, where the other operand has two
  EXPECT_DEATH((Tiles(config).add_bf16<0, 1, 2>()), "");
  EXPECT_DEATH(Tiles(small_config(2)).clear<3>(), "");
  config.set(0, 17, 64);
  EXPECT_DEATH(Tiles{config}, "");
}

}  // namespace
}  // namespace ttt::kernels::emulated_tiles_test

namespace ttt::kernels {
namespace {

TEST(EmulatedTiles, PeakLoopsCountTheirOperations) {
  alignas(64) float sink[16] = {};
  const PeakLoops& loops = kernels_of<PeakLoops, amx_emulated::Level>();
  EXPECT_EQ(loops.bf16(2, sink), 2.0 * 4 * 2 * 16 * 16 * 32);
  EXPECT_EQ(loops.int8(2, sink), 2.0 * 4 * 2 * 16 * 16 * 64);
}

}  // namespace
}  // namespace ttt::kernels
