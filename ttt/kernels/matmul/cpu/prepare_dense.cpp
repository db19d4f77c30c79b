#include "kernels/cpu/simd.h"
#include "kernels/matmul/cpu/dense_transpose.h"
#include "kernels/matmul/prepare.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

constexpr std::int64_t kPanel = kActivationPanel;
constexpr std::int64_t kRowsAtOnce = 8;
// Inputs of one panel that one thread packs: 16 rows x 512 x 4 bytes read is about 3 us, enough to be worth a wake-up.
constexpr std::int64_t kInputsAtOnce = 512;

// Copies x[k, k + n) of one row, n <= 16, zeros behind.
TTT_INLINE void copy16(const float* x, std::int64_t n, float* y) {
  for (std::int64_t i = 0; i < 16; i += kLanes) {
    store(y + i, i + kLanes <= n ? load(x + i) : i < n ? load_part(x + i, n - i) : zero());
  }
}

#if defined(__AVX512BF16__)
// 32 values of one row as bf16, zeros beyond n.
TTT_INLINE __m512i to_bf16(const float* x, std::int64_t n) {
  const F32 low = n >= 16 ? load(x) : n > 0 ? load_part(x, n) : zero();
  const F32 high = n >= 32 ? load(x + 16) : n > 16 ? load_part(x + 16, n - 16) : zero();
  const __m512bh r = _mm512_cvtne2ps_pbh(high.v, low.v);
  __m512i bits;
  __builtin_memcpy(&bits, &r, sizeof bits);
  return bits;
}
#endif

}  // namespace

void prepare_rows_f32(Exec& exec, const PrepareArgs& args) noexcept {
  const PreparedRows& y = args.y;
  exec.threads.parallel_for((y.rows + kRowsAtOnce - 1) / kRowsAtOnce, [&](std::int64_t index) {
    const std::int64_t begin = index * kRowsAtOnce;
    const std::int64_t end = begin + kRowsAtOnce < y.rows ? begin + kRowsAtOnce : y.rows;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* x = args.x.row<float>(r);
      float* to = reinterpret_cast<float*>(y.values + r * y.row_bytes);
      for (std::int64_t k = 0; k < y.padded_in; k += 16) copy16(x + k, y.in - k, to + k);
    }
  });
}

void prepare_panels_f32(Exec& exec, const PrepareArgs& args) noexcept {
  const PreparedRows& y = args.y;
  const std::int64_t panels = (y.rows + kPanel - 1) / kPanel;
  const std::int64_t parts = (y.padded_in + kInputsAtOnce - 1) / kInputsAtOnce;
  exec.threads.parallel_for(panels * parts, [&](std::int64_t index) {
    const std::int64_t panel = index / parts, begin = index % parts * kInputsAtOnce;
    const std::int64_t end = begin + kInputsAtOnce < y.padded_in ? begin + kInputsAtOnce : y.padded_in;
    float* to = reinterpret_cast<float*>(y.values) + panel * y.padded_in * kPanel;
    alignas(64) float t[kPanel * 16] = {};
    for (std::int64_t k = begin; k < end; k += 16) {
      for (std::int64_t r = 0; r < kPanel && panel * kPanel + r < y.rows; ++r) {
        copy16(args.x.row<float>(panel * kPanel + r) + k, y.in - k, t + r * 16);
      }
      transpose_16x16(t, 16, to + k * kPanel, kPanel);
    }
  });
}

#if defined(__AVX512BF16__)
void prepare_rows_bf16(Exec& exec, const PrepareArgs& args) noexcept {
  const PreparedRows& y = args.y;
  exec.threads.parallel_for((y.rows + kRowsAtOnce - 1) / kRowsAtOnce, [&](std::int64_t index) {
    const std::int64_t begin = index * kRowsAtOnce;
    const std::int64_t end = begin + kRowsAtOnce < y.rows ? begin + kRowsAtOnce : y.rows;
    for (std::int64_t r = begin; r < end; ++r) {
      const float* x = args.x.row<float>(r);
      std::byte* to = y.values + r * y.row_bytes;
      for (std::int64_t k = 0; k < y.padded_in; k += 32) _mm512_storeu_si512(to + 2 * k, to_bf16(x + k, y.in - k));
    }
  });
}

void prepare_panels_bf16(Exec& exec, const PrepareArgs& args) noexcept {
  const PreparedRows& y = args.y;
  const std::int64_t panels = (y.rows + kPanel - 1) / kPanel;
  const std::int64_t parts = (y.padded_in + kInputsAtOnce - 1) / kInputsAtOnce;
  exec.threads.parallel_for(panels * parts, [&](std::int64_t index) {
    const std::int64_t panel = index / parts, begin = index % parts * kInputsAtOnce;
    const std::int64_t end = begin + kInputsAtOnce < y.padded_in ? begin + kInputsAtOnce : y.padded_in;
    const std::int64_t rows = y.rows - panel * kPanel < kPanel ? y.rows - panel * kPanel : kPanel;
    std::byte* to = y.values + panel * y.padded_in * kPanel * 2;
    for (std::int64_t k = begin; k < end; k += 32) {
      // A pair of inputs is one lane of 32 bits: the pairs of 16 rows are transposed like floats.
      F32 t[16];
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < 16; ++r) {
        t[r].v = r < rows ? _mm512_castsi512_ps(to_bf16(args.x.row<float>(panel * kPanel + r) + k, y.in - k))
                          : _mm512_setzero_ps();
      }
      transpose(t);
#pragma GCC unroll 16
      for (std::int64_t pair = 0; pair < 16; ++pair) _mm512_storeu_ps(to + (k / 2 + pair) * kPanel * 4, t[pair].v);
    }
  });
}
#endif

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
#if defined(__AVX512BF16__)
TTT_KERNELS(DensePrepareKernels, .rows_f32 = prepare_rows_f32, .panels_f32 = prepare_panels_f32,
            .rows_bf16 = prepare_rows_bf16, .panels_bf16 = prepare_panels_bf16)
#else
TTT_KERNELS(DensePrepareKernels, .rows_f32 = prepare_rows_f32, .panels_f32 = prepare_panels_f32, .rows_bf16 = nullptr,
            .panels_bf16 = nullptr)
#endif
}  // namespace ttt::kernels
