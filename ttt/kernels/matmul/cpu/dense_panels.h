#pragma once

#include <cstdint>

#include "kernels/matmul/cpu/dense_transpose.h"
#include "kernels/matmul/cpu/dense_weights.h"
#include "kernels/matmul/cpu/epilogue.h"

// Products of many rows. The roles of the operands are swapped: rows of x are packed in panels and fill the vectors,
// while the weight is broadcast value by value straight from its row-major memory, so that it needs no packed copy.
// Blocks of x panels stay in L1 while the weight rows of a tile are read; every output adds its products in the order
// of `in`, one by one (pair by pair in bf16), whatever the number of rows.
namespace ttt::kernels::TTT_LEVEL {

inline constexpr std::int64_t kManyUnit = 48;  // outputs of one block of results; a multiple of every group below
inline constexpr std::int64_t kPanel = kActivationPanel;
inline constexpr std::int64_t kPanelVectors = kPanel / kLanes;

// Panels multiplied together, and weight rows per micro-kernel: with 32 registers 6 rows x 4 vectors of accumulators,
// and 12 x 1 where there is one panel only, to cover the latency; with 16 registers 6 x 2 (AVX2) and 2 x 4 (SSE2).
#if defined(__AVX512F__)
inline constexpr int kMaxPanels = 4;
template <int kPanels>
inline constexpr int kGroup = kPanels == 1 ? 12 : 6;
#else
inline constexpr int kMaxPanels = 1;
template <int kPanels>
inline constexpr int kGroup = kLanes == 8 ? 6 : 2;
#endif
inline constexpr std::int64_t kBlockRows = kMaxPanels * kPanel;
// Bytes of x in one block: half of a 48 KiB L1 leaves room for weight rows.
inline constexpr std::int64_t kPanelBlockBytes = kMaxPanels == 1 ? 16384 : 24576;

// Products in f32. `Stored` other than f32 is converted group by group into `buffer`, which all panels then share.
template <class Stored>
struct PanelF32 {
  using W = Stored;
  using Value = float;  // of x, and of the weight as multiplied
  static constexpr std::int64_t kStep = 1;
  static constexpr bool kDirect = sizeof(typename Stored::Type) == sizeof(float);

  TTT_INLINE void copy_row(const typename Stored::Type* w, std::int64_t n, Value* y) {
    std::int64_t k = 0;
#pragma GCC unroll 6
    for (; k + kLanes <= n; k += kLanes) store(y + k, Stored::load_vector(w + k));
    if (k < n) store_part(y + k, Stored::load_tail(w + k, n - k), n - k);
  }

  // Files promise no alignment of floats.
  TTT_INLINE float value_at(const Value* p) {
    float v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }

  // c[m][lane] += sum over k in [0, n) of w[m][k] * x[panel][k][lane]. Lines from `ahead` on are fetched into L2
  // meanwhile, one for every other input: as a burst they would hold up the loads of this block.
  template <int kRows, int kPanels>
  TTT_INLINE void multiply(const Value* w, std::int64_t w_stride, const Value* x, std::int64_t x_stride, std::int64_t n,
                           float* c, const Value* ahead) {
    constexpr int kVectors = static_cast<int>(kPanels * kPanelVectors);
    F32 acc[kRows][kVectors];
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[m][v] = load(c + m * kBlockRows + v * kLanes);
    }
    const auto step = [&](std::int64_t k) __attribute__((always_inline)) {
      F32 xv[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        xv[v] = load(x + v / kPanelVectors * x_stride + k * kPanel + v % kPanelVectors * kLanes);
      }
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        const F32 wv = splat(value_at(w + m * w_stride + k));
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) acc[m][v] = fma(wv, xv[v], acc[m][v]);
      }
    };
    std::int64_t k = 0;
    for (; k + 2 <= n; k += 2) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead + k * (kPanel / 2)), _MM_HINT_T1);
      step(k);
      step(k + 1);
    }
    if (k < n) step(k);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) store(c + m * kBlockRows + v * kLanes, acc[m][v]);
    }
  }
};

#if defined(__AVX512BF16__)
// Products of bf16 pairs, accumulated in f32.
struct PanelBf16 {
  using W = StoredBf16;
  using Value = std::uint16_t;
  static constexpr std::int64_t kStep = 2;
  static constexpr bool kDirect = true;

  TTT_INLINE void copy_row(const Value* w, std::int64_t n, Value* y) {
    std::memcpy(y, w, static_cast<std::size_t>(n) * sizeof(Value));
    if (n % 2 != 0) y[n] = 0;
  }

  template <int kRows, int kPanels>
  TTT_INLINE void multiply(const Value* w, std::int64_t w_stride, const Value* x, std::int64_t x_stride, std::int64_t n,
                           float* c, const Value* ahead) {
    __m512 acc[kRows][kPanels];
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int v = 0; v < kPanels; ++v) acc[m][v] = _mm512_loadu_ps(c + m * kBlockRows + v * kPanel);
    }
    for (std::int64_t k = 0; k < n; k += 2) {
      _mm_prefetch(reinterpret_cast<const char*>(ahead + k * (kPanel / 2)), _MM_HINT_T1);
      __m512bh xv[kPanels];
#pragma GCC unroll 8
      for (int v = 0; v < kPanels; ++v) xv[v] = load_bits(x + v * x_stride + k * kPanel);
#pragma GCC unroll 16
      for (int m = 0; m < kRows; ++m) {
        int pair = 0;
        std::memcpy(&pair, w + m * w_stride + k, sizeof pair);
        const __m512bh wv = bits(_mm512_set1_epi32(pair));
#pragma GCC unroll 8
        for (int v = 0; v < kPanels; ++v) acc[m][v] = _mm512_dpbf16_ps(acc[m][v], wv, xv[v]);
      }
    }
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 8
      for (int v = 0; v < kPanels; ++v) _mm512_storeu_ps(c + m * kBlockRows + v * kPanel, acc[m][v]);
    }
  }

  TTT_INLINE __m512bh bits(__m512i v) {
    __m512bh r;
    __builtin_memcpy(&r, &v, sizeof r);
    return r;
  }
  TTT_INLINE __m512bh load_bits(const Value* p) { return bits(_mm512_loadu_si512(p)); }
};
#endif

// Adds the products of inputs [k, k + n) with `outs` weight rows from `w` on to c[out][row]. `next`: the next
// block of x, of which every group prefetches a part.
template <class Path, int kPanels>
TTT_INLINE void multiply_block(const typename Path::Value* x, std::int64_t x_stride, const std::byte* w,
                               std::int64_t row_bytes, std::int64_t k, std::int64_t n, std::int64_t outs, float* c,
                               const typename Path::Value* next) {
  using Value = typename Path::Value;
  constexpr int kRows = kGroup<kPanels>;
  constexpr std::int64_t kMaxInputs = kPanelBlockBytes / (kPanel * static_cast<std::int64_t>(sizeof(Value)));
  alignas(64) Value buffer[kRows * kMaxInputs];
  std::int64_t fetched = 0;
  for (std::int64_t o = 0; o < outs; o += kRows) {
    const std::int64_t rows = outs - o < kRows ? outs - o : kRows;
    const Value* from = buffer;
    std::int64_t stride = kMaxInputs;
    if (Path::kDirect && rows == kRows && n % Path::kStep == 0) {
      from = reinterpret_cast<const Value*>(weight_row<typename Path::W>(w, row_bytes, o) + k);
      stride = row_bytes / static_cast<std::int64_t>(sizeof(Value));
    } else {
      for (std::int64_t m = 0; m < rows; ++m) {
        Path::copy_row(weight_row<typename Path::W>(w, row_bytes, o + m) + k, n, buffer + m * kMaxInputs);
      }
      // Rows that do not exist: their results are never read, but must not be slow to compute.
      for (std::int64_t m = rows; m < kRows; ++m) std::memset(buffer + m * kMaxInputs, 0, sizeof(Value) * kMaxInputs);
    }
    const Value* ahead = next + fetched / n % kPanels * x_stride + fetched % n * kPanel;
    Path::template multiply<kRows, kPanels>(from, stride, x, x_stride, n, c + o * kBlockRows, ahead);
    fetched += n / 2;
  }
}

// Outputs [out, out + outs) of `kPanels` panels from `panel` on.
template <class Path, int kPanels>
void panel_block(const PreparedRows& x, const MatmulProblem& problem, std::int64_t panel, std::int64_t out,
                 std::int64_t outs) {
  using Value = typename Path::Value;
  // Groups write whole rows of c, so its height is rounded up.
  alignas(64) float c[kManyUnit * kBlockRows];
  for (std::int64_t o = 0; o < (outs + 11) / 12 * 12; ++o) {
    std::memset(c + o * kBlockRows, 0, static_cast<std::size_t>(kPanels * kPanel) * sizeof(float));
  }
  const std::int64_t x_stride = x.padded_in * kPanel;
  const Value* values = reinterpret_cast<const Value*>(x.values) + panel * x_stride;
  const std::byte* w = problem.w.data + out * problem.w.row_bytes;
  constexpr std::int64_t kInputs = kPanelBlockBytes / (kPanels * kPanel * static_cast<std::int64_t>(sizeof(Value)));
  for (std::int64_t k = 0; k < x.in; k += kInputs) {
    const std::int64_t n = x.in - k < kInputs ? x.in - k : kInputs;
    const Value* next = values + (k + n < x.in ? (k + n) * kPanel : kPanels * x_stride);
    multiply_block<Path, kPanels>(values + k * kPanel, x_stride, w, problem.w.row_bytes, k, n, outs, c, next);
  }
  alignas(64) float t[kPanel * kManyUnit];
  for (int p = 0; p < kPanels; ++p) {
    for (std::int64_t o = 0; o < outs; o += 16) {
      transpose_16x16(c + o * kBlockRows + p * kPanel, kBlockRows, t + o, kManyUnit);
    }
    const std::int64_t row = (panel + p) * kPanel;
    const std::int64_t rows = x.rows - row < kPanel ? x.rows - row : kPanel;
    for (std::int64_t r = 0; r < rows; ++r) finish_run(problem, row + r, out, outs, t + r * kManyUnit);
  }
}

template <class Path>
void many_tile(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin,
               std::int64_t out_end) noexcept {
  const std::int64_t panels = (x.rows + kPanel - 1) / kPanel;
  for (std::int64_t out = out_begin; out < out_end; out += kManyUnit) {
    const std::int64_t outs = out_end - out < kManyUnit ? out_end - out : kManyUnit;
    for (std::int64_t p = 0; p < panels; p += kMaxPanels) {
      switch (panels - p < kMaxPanels ? panels - p : kMaxPanels) {
        case 1:
          panel_block<Path, 1>(x, problem, p, out, outs);
          break;
#if defined(__AVX512F__)
        case 2:
          panel_block<Path, 2>(x, problem, p, out, outs);
          break;
        case 3:
          panel_block<Path, 3>(x, problem, p, out, outs);
          break;
        case 4:
          panel_block<Path, 4>(x, problem, p, out, outs);
          break;
#endif
        default:
          break;
      }
    }
  }
}

}  // namespace ttt::kernels::TTT_LEVEL
