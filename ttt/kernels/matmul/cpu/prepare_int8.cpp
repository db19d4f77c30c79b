#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/cpu/level.h"
#include "kernels/matmul/prepare.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace ttt::kernels::TTT_LEVEL {

namespace {

constexpr int kGroup = static_cast<int>(kActivationGroup);
// Below this the scale, or its inverse, would leave the range of normal f32 numbers.
constexpr float kLeast = 2e-36f;

// Where one group goes.
struct Group {
  std::int8_t* codes;  // [32]
  float* scale;
  std::int32_t* sums;  // [2], of 16 codes each
};

// What stands for a group without codes: scale 0, or NaN where an input is no number.
TTT_INLINE void write_plain(const Group& g, float scale) {
  std::memset(g.codes, 0, kGroup);
  *g.scale = scale;
  g.sums[0] = g.sums[1] = 0;
}

#if defined(__AVX512F__)

TTT_INLINE void prepare_group(const float* x, const Group& g) {
  const __m512 a = _mm512_loadu_ps(x), b = _mm512_loadu_ps(x + 16);
  // Magnitudes order as integers, NaN above all.
  const __m512i bits = _mm512_set1_epi32(0x7FFFFFFF);
  const __m512i most =
      _mm512_max_epi32(_mm512_and_si512(_mm512_castps_si512(a), bits), _mm512_and_si512(_mm512_castps_si512(b), bits));
  const std::int32_t most_bits = _mm512_reduce_max_epi32(most);
  float largest;
  std::memcpy(&largest, &most_bits, 4);
  if (!(largest >= kLeast)) {
    write_plain(g, largest < kLeast ? 0 : largest);
    return;
  }
  if (most_bits >= 0x7F800000) {
    write_plain(g, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const float scale = largest / 127;
  const __m512 inverse = _mm512_set1_ps(127 / largest);
  const __m512i ca = _mm512_cvtps_epi32(_mm512_mul_ps(a, inverse)), cb = _mm512_cvtps_epi32(_mm512_mul_ps(b, inverse));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(g.codes), _mm512_cvtsepi32_epi8(ca));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(g.codes + 16), _mm512_cvtsepi32_epi8(cb));
  *g.scale = scale;
  g.sums[0] = _mm512_reduce_add_epi32(ca);
  g.sums[1] = _mm512_reduce_add_epi32(cb);
}

#else

TTT_INLINE void prepare_group(const float* x, const Group& g) {
  std::int32_t bits[kGroup], most_bits = 0;
  std::memcpy(bits, x, sizeof bits);
  // Magnitudes order as integers, NaN above all.
  for (int i = 0; i < kGroup; ++i) {
    bits[i] &= 0x7FFFFFFF;
    most_bits = bits[i] > most_bits ? bits[i] : most_bits;
  }
  float largest;
  std::memcpy(&largest, &most_bits, 4);
  if (!(largest >= kLeast)) {
    write_plain(g, largest < kLeast ? 0 : largest);
    return;
  }
  if (most_bits >= 0x7F800000) {
    write_plain(g, std::numeric_limits<float>::quiet_NaN());
    return;
  }
  const float scale = largest / 127, inverse = 127 / largest;
  *g.scale = scale;
  for (int half = 0; half < 2; ++half) {
    std::int32_t sum = 0;
    for (int i = 16 * half; i < 16 * half + 16; ++i) {
      // Adding 1.5 x 2^23 rounds to the nearest even integer and leaves it in the low bits.
      const float shifted = x[i] * inverse + 12582912.0f;
      std::int32_t code;
      std::memcpy(&code, &shifted, 4);
      code -= 0x4B400000;
      g.codes[i] = static_cast<std::int8_t>(code);
      sum += code;
    }
    g.sums[half] = sum;
  }
}

#endif

TTT_INLINE void prepare_row(const PrepareArgs& args, std::int64_t r) {
  const PreparedRows& y = args.y;
  const float* x = reinterpret_cast<const float*>(args.x.data + r * args.x.row_bytes);
  const std::int64_t groups = y.padded_in / kGroup;
  std::int8_t* codes = reinterpret_cast<std::int8_t*>(y.values + r * y.row_bytes);
  for (std::int64_t g = 0; g < groups; ++g) {
    const Group to{codes + g * kGroup, y.scales + r * groups + g, y.sums + 2 * (r * groups + g)};
    const std::int64_t left = y.in - g * kGroup;
    if (left >= kGroup) {
      prepare_group(x + g * kGroup, to);
    } else {
      float padded[kGroup] = {};
      for (std::int64_t i = 0; i < left; ++i) padded[i] = x[g * kGroup + i];
      prepare_group(padded, to);
    }
  }
}

}  // namespace

void prepare_int8(Exec& exec, const PrepareArgs& args) noexcept {
  // Waking another thread costs microseconds: less work than this is done by one.
  constexpr std::int64_t kTaskInputs = 16384;
  const std::int64_t rows = args.y.rows, per_row = args.y.in > 0 ? args.y.in : 1;
  const std::int64_t per_task = kTaskInputs / per_row + 1, tasks = (rows + per_task - 1) / per_task;
  const auto run = [&](std::int64_t task) {
    const std::int64_t end = (task + 1) * per_task < rows ? (task + 1) * per_task : rows;
    for (std::int64_t r = task * per_task; r < end; ++r) prepare_row(args, r);
  };
  exec.threads.parallel_for(tasks, run);
}

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(Int8PrepareKernels, .rows_int8 = prepare_int8)
}  // namespace ttt::kernels
