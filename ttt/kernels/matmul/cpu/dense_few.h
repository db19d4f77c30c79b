#pragma once

#include <cstdint>

#include "kernels/matmul/cpu/dense_weights.h"
#include "kernels/matmul/cpu/epilogue.h"

// Products of few rows: every weight row is read once and multiplied with all rows of x. Limited by memory.
namespace ttt::kernels::TTT_LEVEL {

inline constexpr std::int64_t kFewRun = 32;  // outputs that are finished together
inline constexpr std::int64_t kFewRows = 6;  // rows multiplied at once
inline constexpr std::int64_t kFewUnit = 8;

inline constexpr std::int64_t kLineBytes = 64;

// Prefetches the next values into L2: the hardware's prefetcher follows a row, but starts again at each row and stops
// at page boundaries. When one row is read at a time, the stream is prefetched at a fixed distance; when several rows
// are read together, the same columns of the next rows are prefetched. Beyond the matrix it is a hint without effect.
// The distance was the best of 2 to 8 KB on a Sapphire Rapids class core, and one stream 10 to 20 % faster there than
// eight.
template <int kOuts, class Stored>
TTT_INLINE void ahead(const std::byte* w, std::int64_t row_bytes, std::int64_t k) {
  const std::int64_t distance = kOuts == 1 ? 3072 : kOuts * row_bytes;
#pragma GCC unroll 8
  for (int o = 0; o < kOuts; ++o) {
    const auto* p = weight_row<Stored>(w, row_bytes, o) + k;
    _mm_prefetch(
        reinterpret_cast<const char*>(reinterpret_cast<std::uintptr_t>(p) + static_cast<std::uintptr_t>(distance)),
        _MM_HINT_T1);
  }
}

// Narrow vectors need many steps for a line, and where each converts by hand a line unrolled is hundreds of kilobytes.
// Of 1, 2 and 4 steps at once four were the fastest: f32 as fast as all, bf16 a tenth slower, f16 half again as fast.
inline constexpr int kLinesUnrolled = 2, kStepsUnrolled = kLanes == 4 ? 4 : 16;

// Calls step(k) for every whole vector of kStep values, and ahead(k) once for each cache line of kLine values. Returns
// how many values that covers.
template <std::int64_t kLine, std::int64_t kStep, class Ahead, class Step>
TTT_INLINE std::int64_t walk_row(std::int64_t in, Ahead ahead, Step step) {
  std::int64_t k = 0;
#pragma GCC unroll kLinesUnrolled
  for (; k + kLine <= in; k += kLine) {
    ahead(k);
#pragma GCC unroll kStepsUnrolled
    for (std::int64_t v = 0; v < kLine; v += kStep) step(k + v);
  }
  for (; k + kStep <= in; k += kStep) step(k);
  return k;
}

// Dot products in f32; every output sums `kLanes` strided partial sums in the order of `in`.
template <class Stored>
struct DotF32 {
  using W = Stored;
  using X = float;
  // A dot product is a chain of additions, and one chain is slower than memory: two streams read bf16 at 13.2 instead
  // of 9.5 to 10.7 GB/s, and f32 as before (AVX2, one Emerald Rapids core).
  static constexpr int kStreams = kLanes >= 8 ? 2 : 1;

  template <int kOuts, int kRows>
  TTT_INLINE void dot(const std::byte* w, std::int64_t row_bytes, const X* x, std::int64_t x_stride, std::int64_t in,
                      float* c) {
    F32 acc[kOuts][kRows];
    for (auto& row : acc) {
      for (F32& a : row) a = zero();
    }
    const auto step = [&](std::int64_t k, auto load_w) __attribute__((always_inline)) {
      F32 xv[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) xv[r] = load(x + r * x_stride + k);
#pragma GCC unroll 8
      for (int o = 0; o < kOuts; ++o) {
        const F32 wv = load_w(weight_row<Stored>(w, row_bytes, o) + k);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) acc[o][r] = fma(wv, xv[r], acc[o][r]);
      }
    };
    const std::int64_t k = walk_row<kLineBytes / static_cast<std::int64_t>(sizeof(typename Stored::Type)), kLanes>(
        in, [&](std::int64_t at) __attribute__((always_inline)) { ahead<kOuts, Stored>(w, row_bytes, at); },
        [&](std::int64_t at) __attribute__((always_inline)) {
          step(
              at, [](auto p) __attribute__((always_inline)) { return Stored::load_vector(p); });
        });
    if (k < in)
      step(
          k, [n = in - k](auto p) __attribute__((always_inline)) { return Stored::load_tail(p, n); });
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int o = 0; o < kOuts; ++o) c[r * kFewRun + o] = sum(acc[o][r]);
    }
  }
};

#if defined(__AVX512BF16__)
TTT_INLINE __m512bh as_bf16(__m512i v) {
  __m512bh r;
  __builtin_memcpy(&r, &v, sizeof r);
  return r;
}

// Dot products of bf16 pairs, accumulated in f32.
struct DotBf16 {
  using W = StoredBf16;
  using X = std::uint16_t;
  static constexpr int kStreams = 1;

  template <int kOuts, int kRows>
  TTT_INLINE void dot(const std::byte* w, std::int64_t row_bytes, const X* x, std::int64_t x_stride, std::int64_t in,
                      float* c) {
    __m512 acc[kOuts][kRows];
    for (auto& row : acc) {
      for (__m512& a : row) a = _mm512_setzero_ps();
    }
    const auto step = [&](std::int64_t k, auto load_w) __attribute__((always_inline)) {
      __m512bh xv[kRows];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) xv[r] = as_bf16(_mm512_loadu_si512(x + r * x_stride + k));
#pragma GCC unroll 8
      for (int o = 0; o < kOuts; ++o) {
        const __m512bh wv = as_bf16(load_w(weight_row<W>(w, row_bytes, o) + k));
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) acc[o][r] = _mm512_dpbf16_ps(acc[o][r], wv, xv[r]);
      }
    };
    const std::int64_t k = walk_row<32, 32>(
        in, [&](std::int64_t at) __attribute__((always_inline)) { ahead<kOuts, W>(w, row_bytes, at); },
        [&](std::int64_t at) __attribute__((always_inline)) {
          step(
              at, [](auto p) __attribute__((always_inline)) { return _mm512_loadu_si512(p); });
        });
    if (k < in) {
      const __mmask32 tail = static_cast<__mmask32>((1ull << (in - k)) - 1);
      step(
          k, [tail](auto p) __attribute__((always_inline)) { return _mm512_maskz_loadu_epi16(tail, p); });
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int o = 0; o < kOuts; ++o) c[r * kFewRun + o] = _mm512_reduce_add_ps(acc[o][r]);
    }
  }
};
#endif

// Weight rows read together: Dot::kStreams for one row of x; for more rows, as many as accumulators allow, because each
// repeats the loads of x.
template <class Dot, int kRows>
inline constexpr int kFewOuts = kRows == 1   ? Dot::kStreams
                                : kRows == 2 ? 8
                                             : 4;

// c[row][out] for `outs` <= kFewRun weight rows from `w` on.
template <class Dot, int kRows>
TTT_INLINE void few_run(const PreparedRows& x, std::int64_t row, const std::byte* w, std::int64_t row_bytes,
                        std::int64_t outs, float* c) {
  using X = typename Dot::X;
  const X* rows = reinterpret_cast<const X*>(x.values + row * x.row_bytes);
  const std::int64_t stride = x.row_bytes / static_cast<std::int64_t>(sizeof(X));
  std::int64_t o = 0;
  constexpr int kOuts = kFewOuts<Dot, kRows>;
  for (; o + kOuts <= outs; o += kOuts) {
    Dot::template dot<kOuts, kRows>(w + o * row_bytes, row_bytes, rows, stride, x.in, c + o);
  }
  for (; o < outs; ++o) Dot::template dot<1, kRows>(w + o * row_bytes, row_bytes, rows, stride, x.in, c + o);
}

template <class Dot>
void few_tile(const PreparedRows& x, const MatmulProblem& problem, std::int64_t out_begin,
              std::int64_t out_end) noexcept {
  alignas(64) float c[kFewRows * kFewRun];
  for (std::int64_t out = out_begin; out < out_end; out += kFewRun) {
    const std::int64_t outs = out_end - out < kFewRun ? out_end - out : kFewRun;
    const std::byte* w = problem.w.data + out * problem.w.row_bytes;
    for (std::int64_t row = 0; row < x.rows; row += kFewRows) {
      const std::int64_t rows = x.rows - row < kFewRows ? x.rows - row : kFewRows;
      switch (rows) {
        case 1:
          few_run<Dot, 1>(x, row, w, problem.w.row_bytes, outs, c);
          break;
        case 2:
          few_run<Dot, 2>(x, row, w, problem.w.row_bytes, outs, c);
          break;
        case 3:
          few_run<Dot, 3>(x, row, w, problem.w.row_bytes, outs, c);
          break;
        case 4:
          few_run<Dot, 4>(x, row, w, problem.w.row_bytes, outs, c);
          break;
        case 5:
          few_run<Dot, 5>(x, row, w, problem.w.row_bytes, outs, c);
          break;
        default:
          few_run<Dot, 6>(x, row, w, problem.w.row_bytes, outs, c);
          break;
      }
      for (std::int64_t r = 0; r < rows; ++r) finish_run(problem, row + r, out, outs, c + r * kFewRun);
    }
  }
}

}  // namespace ttt::kernels::TTT_LEVEL
