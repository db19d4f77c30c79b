#include "bench/machine_peak/peak_loops.h"

#include "kernels/cpu/simd.h"
#include "kernels/cpu/tiles.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

// Chains enough to cover latency x throughput (2 x 6), within the registers of the level. They start from different
// values: of equal chains the compiler would compute one.
constexpr int kChains = kLanes == 16 ? 24 : kLanes == 8 ? 12 : 10;

double f32_loop(std::int64_t n, float* sink) noexcept {
  // sink[0] is 0, which the compiler cannot know: values stay finite and normal.
  const F32 a = splat(sink[0] + 0.5f), b = splat(sink[0] + 1.0f);
  F32 acc[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) acc[c] = splat(sink[0] + static_cast<float>(c));
  for (std::int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) acc[c] = fma(acc[c], a, b);
  }
  F32 total = zero();
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) total = total + acc[c];
  sink[1] = sum(total);
  return 2.0 * kLanes * kChains * static_cast<double>(n);
}

#if defined(TTT_TILES)
// Four sums of 16 x 16, two by two from four operands, as the kernels form them.
template <class Product>
TTT_INLINE void tile_loop(std::int64_t n, float* sink, const Product& product) {
  TileConfig config;
  for (int i = 0; i < kTileRegisters; ++i) config.set(i, kTileRows, kTileBytes);
  alignas(64) float values[kTileRows * kTileRows];
  for (float& v : values) v = sink[0];
  Tiles tiles(config);
  tiles.clear<0>();
  tiles.clear<1>();
  tiles.clear<2>();
  tiles.clear<3>();
  tiles.load<4>(values, kTileBytes);
  tiles.load<5>(values, kTileBytes);
  tiles.load<6>(values, kTileBytes);
  tiles.load<7>(values, kTileBytes);
  for (std::int64_t i = 0; i < n; ++i) product(tiles);
  tiles.store<3>(values, kTileBytes);
  sink[1] = values[0];
}

double bf16_loop(std::int64_t n, float* sink) noexcept {
  tile_loop(
      n, sink, [](Tiles & tiles) __attribute__((always_inline)) {
        tiles.add_bf16<0, 4, 6>();
        tiles.add_bf16<1, 4, 7>();
        tiles.add_bf16<2, 5, 6>();
        tiles.add_bf16<3, 5, 7>();
      });
  return 2.0 * 16 * 16 * 32 * 4 * static_cast<double>(n);
}
#elif defined(__AVX512BF16__)
double bf16_loop(std::int64_t n, float* sink) noexcept {
  const __m512i bits = _mm512_set1_epi32(static_cast<int>(sink[0]) + 0x3f003f00);
  __m512bh a;
  __builtin_memcpy(&a, &bits, sizeof a);
  __m512 acc[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) acc[c] = _mm512_set1_ps(sink[0] + static_cast<float>(c));
  for (std::int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) acc[c] = _mm512_dpbf16_ps(acc[c], a, a);
  }
  F32 total = zero();
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) total = total + F32{acc[c]};
  sink[1] = sum(total);
  return 2.0 * 32 * kChains * static_cast<double>(n);
}
#else
constexpr PeakLoops::Loop bf16_loop = f32_loop;
#endif

#if defined(TTT_TILES)
double int8_loop(std::int64_t n, float* sink) noexcept {
  tile_loop(
      n, sink, [](Tiles & tiles) __attribute__((always_inline)) {
        tiles.add_int8<0, 4, 6>();
        tiles.add_int8<1, 4, 7>();
        tiles.add_int8<2, 5, 6>();
        tiles.add_int8<3, 5, 7>();
      });
  return 2.0 * 16 * 16 * 64 * 4 * static_cast<double>(n);
}
#else

#if defined(__AVX512BW__)
using I32 = __m512i;
TTT_INLINE I32 splat_i32(int v) { return _mm512_set1_epi32(v); }
TTT_INLINE I32 add_i32(I32 a, I32 b) { return _mm512_add_epi32(a, b); }
TTT_INLINE I32 xor_i32(I32 a, I32 b) { return _mm512_xor_si512(a, b); }
TTT_INLINE I32 dots(I32 a, I32 b) { return _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), splat_i32(0x00010001)); }
#elif defined(__AVX2__)
using I32 = __m256i;
TTT_INLINE I32 splat_i32(int v) { return _mm256_set1_epi32(v); }
TTT_INLINE I32 add_i32(I32 a, I32 b) { return _mm256_add_epi32(a, b); }
TTT_INLINE I32 xor_i32(I32 a, I32 b) { return _mm256_xor_si256(a, b); }
TTT_INLINE I32 dots(I32 a, I32 b) { return _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), splat_i32(0x00010001)); }
#else
using I32 = __m128i;
TTT_INLINE I32 splat_i32(int v) { return _mm_set1_epi32(v); }
TTT_INLINE I32 add_i32(I32 a, I32 b) { return _mm_add_epi32(a, b); }
TTT_INLINE I32 xor_i32(I32 a, I32 b) { return _mm_xor_si128(a, b); }
// Without maddubs the codes are widened to 16 bits first.
TTT_INLINE I32 dots(I32 a, I32 b) {
  const I32 none = _mm_setzero_si128();
  return add_i32(_mm_madd_epi16(_mm_unpacklo_epi8(a, none), _mm_unpacklo_epi8(b, none)),
                 _mm_madd_epi16(_mm_unpackhi_epi8(a, none), _mm_unpackhi_epi8(b, none)));
}
#endif

// The int8 dots as the grouped kernels form them: unsigned codes times signed activations, four by four into i32.
#if defined(__AVX512VNNI__)
TTT_INLINE I32 add_dots(I32 acc, I32 a, I32 b) { return _mm512_dpbusd_epi32(acc, a, b); }
#elif defined(__AVXVNNI__) && !defined(__AVX512BW__)
TTT_INLINE I32 add_dots(I32 acc, I32 a, I32 b) { return _mm256_dpbusd_avx_epi32(acc, a, b); }
#else
// The operand depends on the sum, so that the products are not hoisted out of the loop.
TTT_INLINE I32 add_dots(I32 acc, I32 a, I32 b) { return add_i32(acc, dots(xor_i32(a, acc), b)); }
#endif

double int8_loop(std::int64_t n, float* sink) noexcept {
  const I32 a = splat_i32(static_cast<int>(sink[0]) + 0x01020301),
            b = splat_i32(static_cast<int>(sink[0]) + 0x01010101);
  I32 acc[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) acc[c] = splat_i32(static_cast<int>(sink[0]) + c);
  for (std::int64_t i = 0; i < n; ++i) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; ++c) acc[c] = add_dots(acc[c], a, b);
  }
  I32 total = splat_i32(0);
#pragma GCC unroll 24
  for (int c = 0; c < kChains; ++c) total = add_i32(total, acc[c]);
  int values[sizeof(I32) / sizeof(int)];
  __builtin_memcpy(values, &total, sizeof values);
  sink[1] = static_cast<float>(values[0]);
  return 2.0 * sizeof(I32) * kChains * static_cast<double>(n);
}
#endif

float read_loop(const std::byte* data, std::int64_t bytes) noexcept {
  // Zero pages sum to zero: no value can be slow.
  constexpr std::int64_t kStep = 8 * kLanes;
  const float* x = reinterpret_cast<const float*>(data);
  const std::int64_t n = bytes / 4;
  F32 acc[8];
  for (F32& a : acc) a = zero();
  for (std::int64_t i = 0; i + kStep <= n; i += kStep) {
#pragma GCC unroll 8
    for (std::int64_t j = 0; j < 8; ++j) {
      // Into L2: the hardware's prefetcher stops at page boundaries. A whole page ahead is 7 % slower.
      _mm_prefetch(reinterpret_cast<const char*>(x + i + j * kLanes) + 3072, _MM_HINT_T1);
      acc[j] = acc[j] + load(x + i + j * kLanes);
    }
  }
  F32 total = zero();
  for (const F32& a : acc) total = total + a;
  float lanes[kLanes];
  store(lanes, total);
  return lanes[0];
}

}  // namespace

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(PeakLoops, .f32 = f32_loop, .bf16 = bf16_loop, .int8 = int8_loop, .read = read_loop)
}  // namespace ttt::kernels
