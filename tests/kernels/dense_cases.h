#pragma once

#include <cmath>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "base/exec.h"
#include "collectives/self.h"
#include "kernels/matmul/matmul_dense.h"
#include "support/guarded_bytes.h"

// What the tests of dense products share: an Exec, weights that end where memory ends, and the product in double.
namespace ttt::testing {

struct ExecParts {
  explicit ExecParts(std::int64_t threads_ = 2, std::int64_t scratch_bytes = 16 << 20)
      : threads(threads_), scratch(scratch_bytes), exec(threads, scratch, self_communicator(), observer) {}
  ThreadPool threads;
  Scratch scratch;
  NoObserver observer;
  Exec exec;
};

inline std::uint16_t to_bf16(float x) {
  std::uint32_t u = 0;
  std::memcpy(&u, &x, 4);
  return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
inline double from_bf16(std::uint16_t h) {
  const std::uint32_t u = std::uint32_t{h} << 16;
  float f = 0;
  std::memcpy(&f, &u, 4);
  return f;
}
inline double from_f16(std::uint16_t h) {
  const int exponent = (h >> 10) & 31, mantissa = h & 0x3ff;
  const double v = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(mantissa + 1024, exponent - 25);
  return (h & 0x8000) != 0 ? -v : v;
}

// A stored dense matrix and its exact values. Rows lie `gap` elements apart; the last one ends `slack` bytes before
// unreadable memory.
struct DenseMatrix {
  DenseMatrix(Format format_, std::int64_t out_, std::int64_t in_, std::int64_t gap, std::int64_t slack, unsigned seed)
      : format(format_),
        out(out_),
        in(in_),
        element(format_ == Format::kF32 ? 4 : 2),
        row_bytes((in_ + gap) * element),
        memory(out_ == 0 ? slack : (out_ - 1) * row_bytes + in_ * element + slack),
        values(static_cast<std::size_t>(out_ * in_)) {
    std::minstd_rand random(seed);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (std::int64_t o = 0; o < out; ++o) {
      for (std::int64_t i = 0; i < in; ++i) {
        std::byte* p = memory.data() + o * row_bytes + i * element;
        const float x = uniform(random);
        double& v = values[static_cast<std::size_t>(o * in + i)];
        std::uint16_t h = to_bf16(x);
        // Any finite half, so that subnormal ones occur; exponents stay below 2.
        if (format == Format::kF16) h = static_cast<std::uint16_t>(random() & 0xbfffu);
        v = format == Format::kF32 ? static_cast<double>(x) : format == Format::kBF16 ? from_bf16(h) : from_f16(h);
        if (format == Format::kF32) std::memcpy(p, &x, 4);
        if (format != Format::kF32) std::memcpy(p, &h, 2);
      }
    }
  }
  ConstTensorView view() { return {memory.data(), format, Layout::kRowMajor, {out, in}, row_bytes}; }

  Format format;
  std::int64_t out, in, element, row_bytes;
  support::GuardedBytes memory;
  std::vector<double> values;  // [out, in]
};

inline std::vector<float> random_floats(std::int64_t n, unsigned seed) {
  std::minstd_rand random(seed);
  std::uniform_real_distribution<float> uniform(-2, 2);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = uniform(random);
  return v;
}

struct Reference {
  double value = 0, tolerance = 0;
};

// One element of x w^T, and how far a sum in f32 may be from it: 2 eps sqrt(in) times the length of the products.
inline Reference dot_reference(const float* x, bool rounded, const double* w, std::int64_t in) {
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < in; ++i) {
    const double p = (rounded ? from_bf16(to_bf16(x[i])) : static_cast<double>(x[i])) * w[i];
    sum += p;
    squares += p * p;
  }
  const double length = static_cast<double>(in);
  return {sum, 2 * 0x1p-23 * std::sqrt(length) * std::sqrt(length * squares) + 1e-30};
}

inline std::vector<IsaLevel> machine_levels() {
  const DeviceTraits traits = query_device_traits();
  std::vector<IsaLevel> levels;
  for (int i = 0; i < kIsaLevels; ++i) {
    const auto level = static_cast<IsaLevel>(i);
    if (traits.features.contains(features_of(level))) levels.push_back(level);
  }
  return levels;
}

// x as panels in bf16, by plain arithmetic: for emulated levels on machines without these conversions.
inline void fill_bf16_panels(ConstTensorView x, const kernels::PreparedRows& y) {
  std::uint16_t* to = reinterpret_cast<std::uint16_t*>(y.values);
  for (std::int64_t r = 0; r < (y.rows + 15) / 16 * 16; ++r) {
    for (std::int64_t k = 0; k < y.padded_in; ++k) {
      const float v = r < y.rows && k < y.in ? x.row<float>(r)[k] : 0.0f;
      to[r / 16 * y.padded_in * 16 + k / 2 * 32 + r % 16 * 2 + k % 2] = to_bf16(v);
    }
  }
}

// x in the kernel's form, through the preparation that goes with it.
struct PreparedInput {
  PreparedInput(Exec& exec, const DeviceTraits& traits, const kernels::MatmulKernel& kernel, ConstTensorView x)
      : memory(kernels::prepared_bytes(kernel.form, kernel.panels, x.dim(0), x.dim(1)) + 64) {
    rows = kernels::prepared_rows(kernel.form, kernel.panels, x.dim(0), x.dim(1), memory.data());
    const bool built = traits.features.contains(features_of(IsaLevel::kAvx512Bf16));
    if (kernel.form == kernels::ActivationForm::kBF16 && kernel.panels && !built) {
      fill_bf16_panels(x, rows);
      return;
    }
    exec.launch(kernels::select_prepare(traits, kernel.form, kernel.panels), kernels::PrepareArgs{x, rows});
  }
  Buffer memory;
  kernels::PreparedRows rows;
};

}  // namespace ttt::testing
