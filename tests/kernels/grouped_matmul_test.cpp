#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "kernels/dense_cases.h"
#include "kernels/emulated_levels.h"
#include "kernels/grouped_data.h"
#include "kernels/matmul/matmul_grouped.h"
#include "support/exec.h"

// Products of grouped weights against double precision on the same codes.

namespace ttt::kernels {
namespace {

using namespace grouped_tests;
using support::levels;

constexpr Format kFormats[] = {Format::kQ4_0,   Format::kQ4_1,   Format::kQ5_0,  Format::kQ5_1, Format::kQ8_0,
                               Format::kQ4_K,   Format::kQ5_K,   Format::kQ6_K,  Format::kInt8, Format::kInt4,
                               Format::kBfp8B,  Format::kBfp4B,  Format::kMXFP4, Format::kQ2_K, Format::kQ3_K,
                               Format::kIQ4_NL, Format::kIQ4_XS, Format::kTQ1_0, Format::kTQ2_0};
constexpr ActivationForm kForms[] = {ActivationForm::kInt8, ActivationForm::kF32};

// Rows prepared by plain arithmetic, in memory that starts off the alignment of vectors.
struct TestRows {
  PreparedRows view;
  std::vector<std::byte> values;
  std::vector<float> scales;
  std::vector<std::int32_t> sums;
  std::vector<float> decoded;  // [rows][padded_in]

  TestRows(ActivationForm form, const std::vector<float>& x, std::int64_t rows, std::int64_t in) {
    const std::int64_t padded = (in + 31) / 32 * 32, size = form == ActivationForm::kInt8 ? 1 : 4;
    values.resize(static_cast<std::size_t>(rows * padded * size + 4));
    scales.resize(static_cast<std::size_t>(rows * padded / 32));
    sums.resize(static_cast<std::size_t>(rows * padded / 16));
    decoded.resize(static_cast<std::size_t>(rows * padded));
    view = {.form = form,
            .rows = rows,
            .in = in,
            .padded_in = padded,
            .values = values.data() + 4,
            .row_bytes = padded * size,
            .scales = scales.data(),
            .sums = sums.data()};
    for (std::int64_t r = 0; r < rows; ++r) {
      float* row = decoded.data() + r * padded;
      std::copy_n(x.data() + r * in, in, row);
      if (form == ActivationForm::kInt8) quantise(row, r, padded);
      if (form == ActivationForm::kF32)
        std::copy_n(row, padded, reinterpret_cast<float*>(view.values + r * view.row_bytes));
    }
  }

 private:
  void quantise(float* row, std::int64_t r, std::int64_t padded) {
    for (std::int64_t g = 0; g < padded / 32; ++g) {
      float most = 0;
      for (int i = 0; i < 32; ++i) most = std::max(most, std::fabs(row[32 * g + i]));
      const float scale = most / 127;
      scales[static_cast<std::size_t>(r * padded / 32 + g)] = scale;
      for (int half = 0; half < 2; ++half) {
        int sum = 0;
        for (int i = 16 * half; i < 16 * half + 16; ++i) {
          const int code = scale > 0 ? static_cast<int>(std::nearbyint(row[32 * g + i] / scale)) : 0;
          view.values[r * view.row_bytes + 32 * g + i] = static_cast<std::byte>(code);
          row[32 * g + i] = scale * static_cast<float>(code);
          sum += code;
        }
        sums[static_cast<std::size_t>(r * padded / 16 + 2 * g + half)] = sum;
      }
    }
  }
};

struct Sum {
  double value = 0, magnitude = 0;
};

// magnitude: what may round, with a centre's or minimum's part counted by itself.
Sum reference(const std::vector<float>& w, const float* x) {
  Sum s;
  double most = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    s.value += double{w[i]} * double{x[i]};
    most = std::max(most, std::fabs(double{w[i]}));
    s.magnitude += std::fabs(double{x[i]});
  }
  s.magnitude *= most;
  return s;
}

void plus_one_half(float* values, std::int64_t n, const ActivationParams& params) noexcept {
  for (std::int64_t i = 0; i < n; ++i) values[i] = values[i] * params.alpha + 0.5f;
}

struct Case {
  Format format;
  ActivationForm form;
};

class GroupedMatmul : public ::testing::TestWithParam<Case> {};

const MatmulKernel& emulated_kernel(const support::EmulatedLevel& level, Format format) {
  return level.grouped.int8[static_cast<int>(format) - static_cast<int>(Format::kQ4_0)];
}

// The kernels at every level of this machine, and those with emulated tiles.
std::vector<const MatmulKernel*> kernels_for(Format format, ActivationForm form) {
  std::vector<const MatmulKernel*> all;
  for (const DeviceTraits& traits : levels()) all.push_back(&select_grouped_matmul(traits, format, form));
  if (form == ActivationForm::kInt8) {
    for (const support::EmulatedLevel& level : support::emulated_levels()) {
      all.push_back(&emulated_kernel(level, format));
    }
  }
  return all;
}

// Runs the ranges of whole units that `cut` says (0: one range).
void run(const MatmulProblem& problem, const PreparedRows& x, std::int64_t cut) {
  const std::int64_t out = problem.w.dim(0), step = cut ? cut * problem.kernel->unit : out;
  for (std::int64_t b = 0; b < out; b += step) problem.kernel->tile(x, problem, b, std::min(b + step, out));
}

void check_plain(const Case& c, std::int64_t out, std::int64_t in, std::int64_t rows) {
  PackedMatrix w = random_packed(c.format, out, in, static_cast<unsigned>(out * 1000 + in));
  std::vector<std::vector<float>> weights;
  for (std::int64_t o = 0; o < out; ++o) weights.push_back(w.row(o));
  const TestRows x(c.form, random_floats(rows * in, static_cast<unsigned>(rows)), rows, in);
  for (const MatmulKernel* each : kernels_for(c.format, c.form)) {
    const MatmulKernel& kernel = *each;
    std::vector<float> y(static_cast<std::size_t>(rows * (out + 1)) + 1, 7.0f);
    MatmulProblem problem{.w = w.view(), .y = view_of(y.data() + 1, {rows, out}), .kernel = &kernel};
    problem.y.row_bytes = (out + 1) * 4;
    run(problem, x.view, out % 2);
    ASSERT_EQ(y[0], 7.0f);
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* got = y.data() + 1 + r * (out + 1);
      for (std::int64_t o = 0; o < out; ++o) {
        const Sum s = reference(weights[static_cast<std::size_t>(o)], x.decoded.data() + r * x.view.padded_in);
        const double terms = c.form == ActivationForm::kInt8 ? static_cast<double>(in) / 32 : static_cast<double>(in);
        const double tolerance = 4 * std::numeric_limits<float>::epsilon() * std::sqrt(terms + 1) * s.magnitude;
        ASSERT_NEAR(got[o], s.value, tolerance) << kernel.name << " row " << r << " of " << rows << ", output " << o
                                                << " of " << out << ", " << in << " inputs";
      }
      ASSERT_EQ(got[out], 7.0f) << kernel.name << " wrote beyond its row";
    }
  }
}

TEST_P(GroupedMatmul, AgreesWithDoublePrecision) {
  const bool stored = std::ranges::find(kStored, GetParam().format) != std::end(kStored);
  for (const std::int64_t out : {1, 3, 7, 8, 9, 16, 17, 33, 64, 65}) {
    for (const std::int64_t rows : {0, 1, 2, 3, 5, 8, 17}) {
      check_plain(GetParam(), out, rows % 2 ? 256 : 96, rows);
    }
    if (!stored) check_plain(GetParam(), out, 45, 2);
  }
  for (const std::int64_t in : {0, 32, 64, 2048, 2080, 4352}) check_plain(GetParam(), 35, in, 7);
  check_plain(GetParam(), 64, 512, 33);
}

TEST_P(GroupedMatmul, AppliesTheEpilogue) {
  const std::int64_t out = 53, in = 256, rows = 9;
  PackedMatrix w = random_packed(GetParam().format, out, in, 3);
  const TestRows x(GetParam().form, random_floats(rows * in, 4), rows, in);
  const auto bias = random_floats(out, 5), before = random_floats(rows * out, 7);
  for (const MatmulKernel* each : kernels_for(GetParam().format, GetParam().form)) {
    const MatmulKernel& kernel = *each;
    std::vector<float> plain(static_cast<std::size_t>(rows * out));
    run({.w = w.view(), .y = view_of(plain.data(), {rows, out}), .kernel = &kernel}, x.view, 0);
    for (int which = 0; which < 8; ++which) {
      std::vector<float> y = before;
      MatmulProblem problem{.w = w.view(), .y = view_of(y.data(), {rows, out}), .kernel = &kernel};
      if (which & 1) problem.epilogue.bias = view_of(bias.data(), {out});
      if (which & 2) problem.epilogue.activate = plus_one_half, problem.epilogue.params.alpha = 3;
      problem.epilogue.accumulate = (which & 4) != 0;
      run(problem, x.view, 1);
      for (std::int64_t i = 0; i < rows * out; ++i) {
        const auto at = static_cast<std::size_t>(i);
        float wanted = plain[at];
        if (which & 1) wanted += bias[static_cast<std::size_t>(i % out)];
        if (which & 2) wanted = wanted * 3 + 0.5f;
        if (which & 4) wanted += before[at];
        ASSERT_NEAR(y[at], wanted, 1e-5f * (1 + std::fabs(wanted))) << kernel.name << " epilogue " << which;
      }
    }
  }
}

// What kInvariant relies on.
TEST_P(GroupedMatmul, ARowIsTheSameInEveryBatch) {
  const std::int64_t out = 48, in = 2304, rows = 31;
  PackedMatrix w = random_packed(GetParam().format, out, in, 8);
  const auto values = random_floats(rows * in, 9);
  const TestRows all(GetParam().form, values, rows, in);
  for (const MatmulKernel* each : kernels_for(GetParam().format, GetParam().form)) {
    const MatmulKernel& kernel = *each;
    std::vector<float> together(static_cast<std::size_t>(rows * out));
    run({.w = w.view(), .y = view_of(together.data(), {rows, out}), .kernel = &kernel}, all.view, 0);
    for (const std::int64_t n : {1, 2, 3, 4, 7}) {
      for (std::int64_t r = 0; r + n <= rows; r += n) {
        const TestRows part(GetParam().form, {values.begin() + r * in, values.begin() + (r + n) * in}, n, in);
        std::vector<float> y(static_cast<std::size_t>(n * out));
        run({.w = w.view(), .y = view_of(y.data(), {n, out}), .kernel = &kernel}, part.view, 1);
        for (std::size_t i = 0; i < y.size(); ++i) {
          ASSERT_EQ(y[i], together[static_cast<std::size_t>(r * out) + i])
              << kernel.name << " " << n << " rows from " << r;
        }
      }
    }
  }
}

// Tiles only change how the exact dot products are found: the vectors of the same level give the same bits.
TEST_P(GroupedMatmul, TilesChangeNoBit) {
  if (GetParam().form != ActivationForm::kInt8) return;
  std::vector<std::pair<const MatmulKernel*, const MatmulKernel*>> pairs;
  const auto without = [&](IsaLevel level) {
    return &select_grouped_matmul({.features = features_of(level)}, GetParam().format, ActivationForm::kInt8);
  };
  for (const support::EmulatedLevel& level : support::emulated_levels()) {
    pairs.emplace_back(&emulated_kernel(level, GetParam().format), without(level.vectors));
  }
  if (query_device_traits().isa() == IsaLevel::kAmx) {
    pairs.emplace_back(without(IsaLevel::kAmx), without(IsaLevel::kAvx512Bf16));
  }
  for (const std::int64_t in : {32, 544, 2080}) {
    const std::int64_t out = 70;
    PackedMatrix w = random_packed(GetParam().format, out, in, 11);
    for (const std::int64_t rows : {8, 15, 16, 23, 24, 41, 112}) {
      const TestRows x(GetParam().form, random_floats(rows * in, 12), rows, in);
      for (const auto& [tiles, vectors] : pairs) {
        std::vector<float> a(static_cast<std::size_t>(rows * out)), b = a;
        run({.w = w.view(), .y = view_of(a.data(), {rows, out}), .kernel = tiles}, x.view, 1);
        run({.w = w.view(), .y = view_of(b.data(), {rows, out}), .kernel = vectors}, x.view, 1);
        ASSERT_EQ(a, b) << tiles->name << " " << rows << " rows, " << in << " inputs";
      }
    }
  }
}

// Rows that end where memory ends, at every number of rows that tiles or vectors may be left with.
TEST_P(GroupedMatmul, ReadsNothingBeyondTheRows) {
  const std::int64_t out = 33, in = 544;
  PackedMatrix w = random_packed(GetParam().format, out, in, 13);
  for (const std::int64_t rows : {1, 3, 9, 16, 27}) {
    TestRows x(GetParam().form, random_floats(rows * in, 14), rows, in);
    support::GuardedBytes values(rows * x.view.row_bytes), scales(rows * in / 32 * 4), sums(rows * in / 16 * 4);
    const auto move = [](support::GuardedBytes& to, const void* from, std::int64_t bytes) {
      std::memcpy(to.data(), from, static_cast<std::size_t>(bytes));
      return to.data();
    };
    std::vector<float> before(static_cast<std::size_t>(rows * out)), after = before;
    for (const MatmulKernel* kernel : kernels_for(GetParam().format, GetParam().form)) {
      run({.w = w.view(), .y = view_of(before.data(), {rows, out}), .kernel = kernel}, x.view, 0);
      PreparedRows guarded = x.view;
      guarded.values = move(values, x.view.values, rows * x.view.row_bytes);
      guarded.scales = reinterpret_cast<float*>(move(scales, x.view.scales, rows * in / 32 * 4));
      guarded.sums = reinterpret_cast<std::int32_t*>(move(sums, x.view.sums, rows * in / 16 * 4));
      run({.w = w.view(), .y = view_of(after.data(), {rows, out}), .kernel = kernel}, guarded, 0);
      ASSERT_EQ(before, after) << kernel->name << " " << rows << " rows";
    }
  }
}

// Where the codes of a block of a file are; the rest are scales.
struct CodeBytes {
  std::int64_t begin = 0, end = 0;
};
CodeBytes code_bytes(Format format) {
  switch (format) {
    case Format::kQ6_K:
      return {0, 208};
    case Format::kQ2_K:
      return {16, 80};
    case Format::kQ3_K:
      return {0, 96};
    case Format::kTQ1_0:
      return {0, 52};
    case Format::kTQ2_0:
      return {0, 64};
    default:
      return {4, traits_of(format).block_bytes};
  }
}

// Rows with one value in every code: formats of other files take the byte, our own the number.
PackedMatrix extreme_weights(Format format, int byte, float number, std::int64_t out, std::int64_t in) {
  PackedMatrix w(format, out, in);
  const FormatTraits& t = traits_of(format);
  if (can_quantise_to(format) && format != Format::kQ8_0) {
    std::vector<float> values(static_cast<std::size_t>(out * in), number);
    for (std::size_t i = 0; i < values.size(); i += 32) values[i] = -values[i];  // kInt4 needs a range
    pack_panels(format, {.rows = view_of(values.data(), {out, in})}, out, in, 0, panels_of(out), w.memory.data());
    return w;
  }
  auto bytes = random_blocks(format, out, in, 10);
  const auto blocks = static_cast<std::int64_t>(bytes.size()) / t.block_bytes;
  const CodeBytes codes = code_bytes(format);
  for (std::int64_t b = 0; b < blocks; ++b) {
    for (std::int64_t i = codes.begin; i < codes.end; ++i) {
      bytes[static_cast<std::size_t>(b * t.block_bytes + i)] = static_cast<std::byte>(byte);
    }
  }
  pack_panels(format, {.rows = view_of(bytes.data(), format, {out, in})}, out, in, 0, panels_of(out), w.memory.data());
  return w;
}

// Codes, activations and centres at their extremes: where narrow sums would overflow.
TEST_P(GroupedMatmul, ExtremeCodesAreExact) {
  const std::int64_t out = 16, in = 256;
  for (const int fill : {0, 255, 0x80, 0x7F}) {
    PackedMatrix w = extreme_weights(GetParam().format, fill, fill & 0x80 ? -1.0f : 1.0f, out, in);
    for (const float sign : {1.0f, -1.0f}) {
      for (const std::int64_t rows : {1, 16}) {
        const TestRows x(GetParam().form, std::vector<float>(static_cast<std::size_t>(rows * in), sign), rows, in);
        for (const MatmulKernel* kernel : kernels_for(w.format, GetParam().form)) {
          std::vector<float> y(static_cast<std::size_t>(rows * out));
          run({.w = w.view(), .y = view_of(y.data(), {rows, out}), .kernel = kernel}, x.view, 0);
          for (std::int64_t o = 0; o < out; ++o) {
            const Sum s = reference(w.row(o), x.decoded.data());
            for (std::int64_t r = 0; r < rows; ++r) {
              ASSERT_NEAR(y[static_cast<std::size_t>(r * out + o)], s.value, 1e-5 * s.magnitude)
                  << kernel->name << " " << fill;
            }
          }
        }
      }
    }
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const ActivationForm form : kForms) {
    for (const Format format : kFormats) all.push_back({format, form});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Formats, GroupedMatmul, ::testing::ValuesIn(cases()), [](const auto& i) {
  return std::string(name_of(i.param.format)) + "_by_" + std::string(name_of(i.param.form));
});

TEST(GroupedMatmulSelection, NamesTheKernel) {
  const std::string_view int8[] = {"sse2", "avx2", "avx_vnni", "avx512", "avx512_vnni", "avx512_vnni", "amx"};
  const std::string_view f32[] = {"sse2", "avx2", "avx2", "avx512", "avx512", "avx512", "avx512"};
  for (const DeviceTraits& traits : levels()) {
    const auto level = static_cast<std::size_t>(traits.isa());
    for (const Format format : kFormats) {
      const std::string rest = ".grouped_" + std::string(name_of(format));
      const MatmulKernel& a = select_grouped_matmul(traits, format, ActivationForm::kInt8);
      const MatmulKernel& b = select_grouped_matmul(traits, format, ActivationForm::kF32);
      EXPECT_EQ(a.name, std::string(int8[level]) + rest);
      EXPECT_EQ(b.name, std::string(f32[level]) + rest + "_f32");
      EXPECT_EQ(a.form, ActivationForm::kInt8);
      EXPECT_EQ(b.form, ActivationForm::kF32);
      EXPECT_FALSE(a.panels || b.panels);
    }
  }
}

TEST(GroupedMatmulSelection, RefusesByName) {
  const DeviceTraits traits = query_device_traits();
  const auto refusal = [&](Format format, ActivationForm form) -> std::string {
    try {
      select_grouped_matmul(traits, format, form);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal(Format::kQ4_K, ActivationForm::kBF16),
            "matrix product of q4_k weights wanted activations in int8 or f32, got bf16");
  EXPECT_EQ(refusal(Format::kBF16, ActivationForm::kInt8), "grouped matrix product wanted a grouped weight, got bf16");
}

}  // namespace
}  // namespace ttt::kernels
