#include "kernels/attention/store_rows.h"

#include "kernels/cpu/simd.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

constexpr std::int64_t kGroup = 32;  // int8 values that share a scale; state/state_spec.h

// Sine and cosine to about 1e-13 for |x| < 2^30: pi/2 in three parts of 33 bits, Taylor on [-pi/4, pi/4].
TTT_INLINE void sine_cosine(double x, double& sine, double& cosine) {
  constexpr double kTwoOverPi = 0.63661977236758134308, kToInteger = 6755399441055744.0;  // 1.5 * 2^52
  const double shifted = x * kTwoOverPi + kToInteger;
  const double k = shifted - kToInteger;
  std::int64_t quadrant = 0;
  std::memcpy(&quadrant, &shifted, sizeof quadrant);
  double r = x - k * 1.57079632673412561417e+00;
  r = r - k * 6.07710050630396597660e-11;
  r = r - k * 2.02226624871116645580e-21;
  const double z = r * r;
  double s = -1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  s = r + r * z * s;
  double c = 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = 1.0 - 0.5 * z + z * z * c;
  const bool swapped = (quadrant & 1) != 0;
  const double a = swapped ? c : s, b = swapped ? s : c;
  sine = (quadrant & 2) != 0 ? -a : a;
  cosine = ((quadrant + 1) & 2) != 0 ? -b : b;
}

// Products are rounded before they are added, as in the usual formulation with a rotated copy.
template <bool kInterleaved>
TTT_INLINE void rotate(float* __restrict head, const float* __restrict table, std::int64_t pairs, std::int64_t block) {
  const float* cosine = table;
  const float* sine = table + pairs;
  for (std::int64_t begin = 0; begin < pairs; begin += kInterleaved ? pairs : block) {
    const std::int64_t count = kInterleaved ? pairs : block;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t first = kInterleaved ? 2 * i : 2 * begin + i, second = first + (kInterleaved ? 1 : block);
      const float a = head[first], b = head[second];
      head[first] = a * cosine[begin + i] - b * sine[begin + i];
      head[second] = b * cosine[begin + i] + a * sine[begin + i];
    }
  }
}

TTT_INLINE void write_bf16(std::uint16_t* to, const float* x, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_bf16(to + i, load(x + i));
  if (i < n) {
    std::uint16_t last[kLanes];
    store_bf16(last, load_part(x + i, n - i));
    std::memcpy(to + i, last, static_cast<std::size_t>(n - i) * sizeof *to);
  }
}

// The largest |x|; NaN where one of them is.
TTT_INLINE float largest_of(const float* x, std::int64_t count) {
  float largest = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float a = x[i] < 0 ? -x[i] : x[i];
    largest = a > largest || a != a ? a : largest;
  }
  return largest;
}

// A group with NaN or infinity becomes NaN as a whole: its scale is NaN or infinite, and no code hides that.
TTT_INLINE void write_int8(std::int8_t* to, float* scales, const float* x, std::int64_t n) {
  constexpr float kToInteger = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, ties to even
  for (std::int64_t begin = 0; begin < n; begin += kGroup) {
    const std::int64_t count = n - begin < kGroup ? n - begin : kGroup;
    const float largest_value = largest_of(x + begin, count);
    const float inverse = largest_value > 0 ? 127.0f / largest_value : 0.0f;
    scales[begin / kGroup] = largest_value / 127.0f;
    for (std::int64_t i = 0; i < count; ++i) {
      float c = x[begin + i] * inverse;
      c = c > -127.0f ? c : -127.0f;
      c = c < 127.0f ? c : 127.0f;
      to[begin + i] = static_cast<std::int8_t>(static_cast<std::int32_t>((c + kToInteger) - kToInteger));
    }
  }
}

// Signed codes of 7 bits and one power of two for each group of 16. A group with NaN or infinity gets an exponent that
// no other has and that decodes to minus infinity, with codes of 0: NaN as a whole.
TTT_INLINE void write_bfp8(std::int8_t* to, std::int8_t* exponents, const float* x, std::int64_t n) {
  constexpr std::int64_t kShared = 16;
  constexpr std::int8_t kNotANumber = -128;
  constexpr float kToInteger = 12582912.0f, kSmallest = 0x1p-118f;
  for (std::int64_t begin = 0; begin < n; begin += kShared) {
    const std::int64_t count = n - begin < kShared ? n - begin : kShared;
    const float largest_value = largest_of(x + begin, count);
    if (!(largest_value < __builtin_inff())) {
      exponents[begin / kShared] = kNotANumber;
      std::memset(to + begin, 0, static_cast<std::size_t>(count));
      continue;
    }
    std::uint32_t bits = 0;
    std::memcpy(&bits, &largest_value, sizeof bits);
    // The largest value becomes 64 to 127; one that would round to 128 takes the next power.
    const bool none = largest_value < kSmallest;
    const std::int32_t carry = (bits & 0x7fffffu) >= 0x7f0000u ? 1 : 0;
    const std::int32_t exponent = none ? 0 : static_cast<std::int32_t>(bits >> 23) - 127 - 6 + carry;
    const std::uint32_t inverse_bits = static_cast<std::uint32_t>(127 - exponent) << 23;
    float inverse = 0;
    if (!none) std::memcpy(&inverse, &inverse_bits, sizeof inverse);
    exponents[begin / kShared] = static_cast<std::int8_t>(exponent);
    for (std::int64_t i = 0; i < count; ++i) {
      float c = x[begin + i] * inverse;
      c = c > -127.0f ? c : -127.0f;
      c = c < 127.0f ? c : 127.0f;
      to[begin + i] = static_cast<std::int8_t>(static_cast<std::int32_t>((c + kToInteger) - kToInteger));
    }
  }
}

template <Format kFormat>
TTT_INLINE void write_row(const RowsView& rows, std::int32_t page, std::int64_t head, std::int64_t offset,
                          const float* x, std::int64_t n) {
  std::byte* to = rows.row(page, head, offset);
  if constexpr (kFormat == Format::kF32) {
    std::memcpy(to, x, static_cast<std::size_t>(n) * sizeof(float));
  } else if constexpr (kFormat == Format::kBF16) {
    write_bf16(reinterpret_cast<std::uint16_t*>(to), x, n);
  } else if constexpr (kFormat == Format::kBfp8B) {
    write_bfp8(reinterpret_cast<std::int8_t*>(to), reinterpret_cast<std::int8_t*>(rows.row_scales(page, head, offset)),
               x, n);
  } else {
    write_int8(reinterpret_cast<std::int8_t*>(to), reinterpret_cast<float*>(rows.row_scales(page, head, offset)), x, n);
  }
}

// The sequence whose rows include row r of the step.
TTT_INLINE std::int64_t sequence_of(const BatchView& batch, std::int64_t r) {
  std::int64_t low = 0, high = batch.seqs() - 1;
  while (low < high) {
    const std::int64_t middle = (low + high + 1) / 2;
    if (batch.row_begin[static_cast<std::size_t>(middle)] <= r) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

TTT_INLINE void scale_by_temperature(const StoreRowsArgs& args, std::int64_t r, float* q) {
  const std::int64_t p = args.batch.positions[static_cast<std::size_t>(r)] + args.temperature.offset;
  const double steps = static_cast<double>(p / args.temperature.floor);
  const float factor = static_cast<float>(__builtin_log1p(steps)) * args.temperature.scale + 1.0f;
  for (std::int64_t i = 0; i < args.heads * args.key_dim; ++i) q[i] *= factor;
}

template <Format kFormat, bool kInterleaved>
TTT_INLINE void store_row(const StoreRowsArgs& args, std::int64_t r) {
  const std::int64_t pairs = args.table.dim(1) / 2, block = args.block_pairs > 0 ? args.block_pairs : pairs;
  const float* table = args.table.row<float>(r);
  float* q = args.q.row<float>(r);
  float* k = args.k.row<float>(r);
  const float* v = args.v.row<float>(r);
  for (std::int64_t h = 0; h < args.heads; ++h) rotate<kInterleaved>(q + h * args.key_dim, table, pairs, block);
  if (args.temperature.scale != 0) scale_by_temperature(args, r, q);
  const std::int64_t seq = sequence_of(args.batch, r);
  const std::size_t s = static_cast<std::size_t>(seq);
  const std::int64_t index = args.batch.past[s] + r - args.batch.row_begin[s];
  const RowsView& keys = args.state.keys;
  const RowsView& values = args.state.values;
  for (std::int64_t h = 0; h < args.kv_heads; ++h) {
    rotate<kInterleaved>(k + h * args.key_dim, table, pairs, block);
    write_row<kFormat>(keys, keys.page_of(seq, index), h, index % keys.page_rows, k + h * args.key_dim, args.key_dim);
    write_row<kFormat>(values, values.page_of(seq, index), h, index % values.page_rows, v + h * args.value_dim,
                       args.value_dim);
  }
}

template <Format kFormat, bool kInterleaved>
TTT_INLINE void store_all(Exec& exec, const StoreRowsArgs& args) {
  exec.threads.parallel_for(args.q.dim(0), [&](std::int64_t r) { store_row<kFormat, kInterleaved>(args, r); });
}

}  // namespace

void rotary_table(Exec& exec, const RotaryTableArgs& args) noexcept {
  const std::int64_t pairs = static_cast<std::int64_t>(args.inv_freq.size());
  if (pairs == 0) return;
  const std::int64_t rows = args.table.dim(0);  // positions along one axis only serve for all of them
  const std::int64_t axis_stride = static_cast<std::int64_t>(args.positions.size()) > rows ? rows : 0;
  exec.threads.parallel_for(rows, [&](std::int64_t r) {
    float* cosines = args.table.row<float>(r);
    float* sines = cosines + pairs;
    for (std::int64_t i = 0; i < pairs; ++i) {
      const std::int64_t axis = args.axes.empty() ? 0 : args.axes[static_cast<std::size_t>(i)];
      const float position = static_cast<float>(args.positions[static_cast<std::size_t>(axis * axis_stride + r)]);
      const float angle = position * args.inv_freq[static_cast<std::size_t>(i)];
      double s = 0, c = 0;
      sine_cosine(static_cast<double>(angle), s, c);
      cosines[i] = static_cast<float>(c) * args.attention_factor;
      sines[i] = static_cast<float>(s) * args.attention_factor;
    }
  });
}

void store_rows_f32_half(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kF32, false>(e, a); }
void store_rows_f32_inter(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kF32, true>(e, a); }
void store_rows_bf16_half(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kBF16, false>(e, a); }
void store_rows_bf16_inter(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kBF16, true>(e, a); }
void store_rows_int8_half(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kInt8, false>(e, a); }
void store_rows_int8_inter(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kInt8, true>(e, a); }
void store_rows_bfp8_half(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kBfp8B, false>(e, a); }
void store_rows_bfp8_inter(Exec& e, const StoreRowsArgs& a) noexcept { store_all<Format::kBfp8B, true>(e, a); }

}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(StoreRowsKernels, .rotary_table = rotary_table, .f32 = {store_rows_f32_half, store_rows_f32_inter},
            .bf16 = {store_rows_bf16_half, store_rows_bf16_inter},
            .int8 = {store_rows_int8_half, store_rows_int8_inter},
            .bfp8 = {store_rows_bfp8_half, store_rows_bfp8_inter})
}  // namespace ttt::kernels
