#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/error.h"
#include "dense_cases.h"
#include "emulated_levels.h"

namespace ttt {
namespace {

using kernels::ActivationForm;
using kernels::MatmulArgs;
using kernels::MatmulKernel;
using kernels::MatmulProblem;
using testing::DenseMatrix;
using testing::dot_reference;
using testing::ExecParts;
using testing::PreparedInput;
using testing::random_floats;
using testing::Reference;

constexpr std::array<std::int64_t, 11> kIns{1, 3, 7, 8, 9, 31, 32, 33, 64, 65, 576};
constexpr std::array<std::int64_t, 7> kOuts{1, 3, 7, 9, 16, 17, 65};
constexpr std::array<std::int64_t, 10> kRows{0, 1, 2, 3, 6, 7, 16, 17, 63, 65};

struct Case {
  IsaLevel isa;
  Format weight;
  ActivationForm form;
  const kernels::DenseKernels* emulated = nullptr;  // null: the kernels of `isa`
  std::string_view level = name_of(isa);
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const IsaLevel isa : testing::machine_levels()) {
    for (const Format f : {Format::kF32, Format::kBF16, Format::kF16}) cases.push_back({isa, f, ActivationForm::kF32});
    if (isa >= IsaLevel::kAvx512Bf16) cases.push_back({isa, Format::kBF16, ActivationForm::kBF16});
  }
  for (const support::EmulatedLevel& level : support::emulated_levels()) {
    cases.push_back({level.vectors, Format::kBF16, ActivationForm::kBF16, &level.dense, level.name});
  }
  return cases;
}

std::string name_of_case(const ::testing::TestParamInfo<Case>& info) {
  return text(info.param.level, "_", name_of(info.param.weight), "_", kernels::name_of(info.param.form));
}

class DenseMatmul : public ::testing::TestWithParam<Case> {
 protected:
  const MatmulKernel& kernel(std::int64_t rows) const {
    // Few rows are multiplied without tiles.
    if (GetParam().emulated != nullptr) return GetParam().emulated->many_bf16_bf16;
    return kernels::select_dense_matmul(traits_, GetParam().weight, GetParam().form, kernels::row_class_of(rows));
  }
  bool rounded() const { return GetParam().form == ActivationForm::kBF16; }
  // Fails the test once, at the first element that is off.
  void expect_product(DenseMatrix& w, const std::vector<float>& x, std::int64_t rows, std::int64_t x_stride,
                      const MatmulKernel& k);

  DeviceTraits traits_ = with_isa(query_device_traits(), GetParam().isa);
  ExecParts parts_;
};

void DenseMatmul::expect_product(DenseMatrix& w, const std::vector<float>& x, std::int64_t rows, std::int64_t x_stride,
                                 const MatmulKernel& k) {
  ConstTensorView xv = view_of(x.data(), {rows, w.in});
  xv.row_bytes = x_stride * 4;
  const PreparedInput prepared(parts_.exec, traits_, k, xv);
  std::vector<float> y(static_cast<std::size_t>(rows * w.out) + 1, -77.0f);
  const MatmulProblem problem{.w = w.view(), .y = view_of(y.data(), {rows, w.out}), .kernel = &k};
  parts_.exec.launch(kernels::matmul, MatmulArgs{prepared.rows, {&problem, 1}});
  EXPECT_EQ(y.back(), -77.0f);
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t o = 0; o < w.out; ++o) {
      const Reference want = dot_reference(x.data() + r * x_stride, rounded(), w.values.data() + o * w.in, w.in);
      const double got = static_cast<double>(y[static_cast<std::size_t>(r * w.out + o)]);
      ASSERT_NEAR(got, want.value, want.tolerance)
          << k.name << " rows " << rows << " out " << w.out << " in " << w.in << " at " << r << ", " << o;
    }
  }
}

TEST_P(DenseMatmul, AgreesWithDouble) {
  for (const std::int64_t in : kIns) {
    for (const std::int64_t out : kOuts) {
      DenseMatrix w(GetParam().weight, out, in, 0, 0, static_cast<unsigned>(in * 100 + out));
      for (const std::int64_t rows : kRows) {
        const std::vector<float> x = random_floats(rows * in, static_cast<unsigned>(rows));
        expect_product(w, x, rows, in, kernel(rows));
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Either kernel may be used for any number of rows: the strategy `invariant` does so.
TEST_P(DenseMatmul, AnyKernelTakesAnyRows) {
  DenseMatrix w(GetParam().weight, 65, 33, 0, 0, 1);
  for (const std::int64_t rows : {1, 5, 13, 40, 65}) {
    const std::vector<float> x = random_floats(rows * 33, 2);
    expect_product(w, x, rows, 33, kernel(1));
    expect_product(w, x, rows, 33, kernel(64));
  }
}

TEST_P(DenseMatmul, ReadsRowsApartAndUnaligned) {
  for (const std::int64_t in : {31, 32, 65, 576}) {
    for (const std::int64_t slack : {2, 4, 6}) {
      DenseMatrix w(GetParam().weight, 17, in, 5, slack, 3);
      for (const std::int64_t rows : {1, 3, 17}) {
        const std::vector<float> x = random_floats(rows * (in + 3), 4);
        expect_product(w, x, rows, in + 3, kernel(rows));
      }
    }
  }
}

// Longer than a block of inputs, so that partial sums go through memory.
TEST_P(DenseMatmul, ManyInputsAndOutputs) {
  for (const std::int64_t in : {2047, 3000}) {
    DenseMatrix w(GetParam().weight, 131, in, 0, 0, 5);
    for (const std::int64_t rows : {1, 4, 12, 65}) {
      const std::vector<float> x = random_floats(rows * in, 6);
      expect_product(w, x, rows, in, kernel(rows));
    }
  }
}

TEST_P(DenseMatmul, NoInputsGiveBias) {
  const std::vector<float> bias{1, 2, 3};
  for (const std::int64_t rows : {1, 20}) {
    const PreparedInput prepared(parts_.exec, traits_, kernel(rows),
                                 view_of(static_cast<const float*>(nullptr), {rows, 0}));
    std::vector<float> y(static_cast<std::size_t>(rows * 3), -1.0f);
    const MatmulProblem problem{.w = {nullptr, GetParam().weight, Layout::kRowMajor, {3, 0}, 0},
                                .y = view_of(y.data(), {rows, 3}),
                                .epilogue = {.bias = view_of(bias.data(), {3})},
                                .kernel = &kernel(rows)};
    parts_.exec.launch(kernels::matmul, MatmulArgs{prepared.rows, {&problem, 1}});
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], bias[i % 3]);
  }
}

void square_plus(float* values, std::int64_t n, const kernels::ActivationParams& params) noexcept {
  for (std::int64_t i = 0; i < n; ++i) values[i] = values[i] * values[i] + params.limit;
}

TEST_P(DenseMatmul, AppliesEpilogueToStridedOutput) {
  constexpr std::int64_t kIn = 40, kOut = 53, kStride = 60;
  DenseMatrix w(GetParam().weight, kOut, kIn, 0, 0, 7);
  const std::vector<float> bias = random_floats(kOut, 8);
  for (const std::int64_t rows : {1, 5, 19}) {
    const std::vector<float> x = random_floats(rows * kIn, 9), before = random_floats(rows * kStride, 11);
    std::vector<float> y = before;
    const PreparedInput prepared(parts_.exec, traits_, kernel(rows), view_of(x.data(), {rows, kIn}));
    const MatmulProblem problem{.w = w.view(),
                                .y = columns_of(view_of(y.data(), {rows, kStride}), 3, kOut),
                                .epilogue = {.bias = view_of(bias.data(), {kOut}),
                                             .activate = square_plus,
                                             .params = {.limit = 0.5f},
                                             .accumulate = true},
                                .kernel = &kernel(rows)};
    parts_.exec.launch(kernels::matmul, MatmulArgs{prepared.rows, {&problem, 1}});
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < kStride; ++c) {
        const std::size_t at = static_cast<std::size_t>(r * kStride + c);
        if (c < 3 || c >= 3 + kOut) {
          ASSERT_EQ(y[at], before[at]) << "outside of y at " << r << ", " << c;
          continue;
        }
        const std::int64_t o = c - 3;
        const Reference dot = dot_reference(x.data() + r * kIn, rounded(), w.values.data() + o * kIn, kIn);
        const double sum = dot.value + static_cast<double>(bias[static_cast<std::size_t>(o)]);
        const double want = sum * sum + 0.5 + static_cast<double>(before[at]);
        const double size = sum * sum + 1 + std::abs(static_cast<double>(before[at]));
        ASSERT_NEAR(static_cast<double>(y[at]), want, 2 * (std::abs(sum) + 1) * dot.tolerance + 8 * 0x1p-24 * size);
      }
    }
  }
}

// Within one kernel a result depends on its own row and weight row only.
TEST_P(DenseMatmul, RowsAndRangesDoNotMatter) {
  constexpr std::int64_t kIn = 577, kOut = 101, kMost = 70;
  DenseMatrix w(GetParam().weight, kOut, kIn, 0, 0, 12);
  const std::vector<float> x = random_floats(kMost * kIn, 13);
  for (const std::int64_t like : {1, 64}) {
    const MatmulKernel& k = kernel(like);
    std::vector<float> whole(kMost * kOut);
    for (const std::int64_t rows :
         {kMost, std::int64_t{1}, std::int64_t{5}, std::int64_t{20}, std::int64_t{33}, std::int64_t{50}}) {
      std::vector<float> y(static_cast<std::size_t>(rows * kOut));
      const PreparedInput prepared(parts_.exec, traits_, k, view_of(x.data(), {rows, kIn}));
      const MatmulProblem problem{.w = w.view(), .y = view_of(y.data(), {rows, kOut}), .kernel = &k};
      if (rows == kMost) {
        k.tile(prepared.rows, problem, 0, kOut);
        whole = y;
      } else {
        for (std::int64_t o = 0; o < kOut; o += k.unit) {
          k.tile(prepared.rows, problem, o, std::min(o + k.unit, kOut));
        }
      }
      for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], whole[i]) << k.name << " rows " << rows << " at " << i;
    }
  }
}

TEST_P(DenseMatmul, SeveralWeightsOfOneInput) {
  constexpr std::int64_t kIn = 64;
  for (const std::int64_t rows : {2, 30}) {
    const std::vector<float> x = random_floats(rows * kIn, 14);
    const PreparedInput prepared(parts_.exec, traits_, kernel(rows), view_of(x.data(), {rows, kIn}));
    DenseMatrix a(GetParam().weight, 100, kIn, 0, 0, 15), b(GetParam().weight, 9, kIn, 0, 0, 16);
    std::vector<float> ya(static_cast<std::size_t>(rows * 100)), yb(static_cast<std::size_t>(rows * 9));
    const std::array<MatmulProblem, 3> problems{
        MatmulProblem{a.view(), view_of(ya.data(), {rows, 100}), {}, &kernel(rows)},
        MatmulProblem{{nullptr, GetParam().weight, Layout::kRowMajor, {0, kIn}, 0},
                      view_of(static_cast<float*>(nullptr), {rows, 0}),
                      {},
                      &kernel(rows)},
        MatmulProblem{b.view(), view_of(yb.data(), {rows, 9}), {}, &kernel(rows)}};
    const MatmulArgs args{prepared.rows, problems};
    parts_.exec.launch(kernels::matmul, args);
    EXPECT_EQ(kernels::operations(args), 2.0 * static_cast<double>(rows * kIn * 109));
    EXPECT_GE(kernels::bytes(args), static_cast<double>(109 * kIn * a.element + 4 * rows * 109));
    for (std::int64_t r = 0; r < rows; ++r) {
      const Reference first = dot_reference(x.data() + r * kIn, rounded(), a.values.data() + 99 * kIn, kIn);
      const Reference last = dot_reference(x.data() + r * kIn, rounded(), b.values.data() + 8 * kIn, kIn);
      EXPECT_NEAR(static_cast<double>(ya[static_cast<std::size_t>(r * 100 + 99)]), first.value, first.tolerance);
      EXPECT_NEAR(static_cast<double>(yb[static_cast<std::size_t>(r * 9 + 8)]), last.value, last.tolerance);
    }
  }
}

TEST_P(DenseMatmul, NamesItsKernel) {
  const IsaLevel isa = GetParam().isa;
  std::string_view level = GetParam().level;
  if (isa == IsaLevel::kAvx512Vnni) level = "avx512";
  if (isa == IsaLevel::kAvxVnni) level = "avx2";
  const std::string format = text(name_of(GetParam().weight), rounded() ? "_bf16" : "");
  if (GetParam().emulated == nullptr) {
    EXPECT_EQ(kernel(1).name, text(level, ".dense_", format, "_few"));
  }
  EXPECT_EQ(kernel(512).name, text(level, ".dense_", format, "_many"));
}

INSTANTIATE_TEST_SUITE_P(Levels, DenseMatmul, ::testing::ValuesIn(all_cases()), name_of_case);

// The choice follows from the traits alone, on whatever machine it is made.
TEST(DenseMatmulSelection, Bf16DotsPayByTheTraitsAlone) {
  DeviceTraits traits{.features = features_of(IsaLevel::kAvx512Vnni)};
  EXPECT_FALSE(kernels::bf16_dots_pay(traits));
  traits.features = features_of(IsaLevel::kAvx512Bf16);
  EXPECT_TRUE(kernels::bf16_dots_pay(traits));
  traits.slow_bf16_dots = true;
  EXPECT_FALSE(kernels::bf16_dots_pay(traits));
  traits.features = features_of(IsaLevel::kAmx);
  EXPECT_TRUE(kernels::bf16_dots_pay(traits));
}

TEST(DenseMatmulSelection, RefusesWhatIsNotBuilt) {
  DeviceTraits traits;
  const auto message = [&](Format weight, ActivationForm form) -> std::string {
    try {
      kernels::select_dense_matmul(traits, weight, form, kernels::RowClass::kFew);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
      return e.what();
    }
    return "";
  };
  traits.features = features_of(IsaLevel::kAvx512Vnni);
  EXPECT_EQ(message(Format::kBF16, ActivationForm::kBF16),
            "matrix product of bf16 weights with activations in bf16 is not built for avx512_vnni");
  traits.features = features_of(IsaLevel::kAvx512Bf16);
  EXPECT_EQ(message(Format::kF32, ActivationForm::kBF16),
            "matrix product of f32 weights with activations in bf16 is not built for avx512_bf16");
  EXPECT_EQ(message(Format::kF16, ActivationForm::kInt8),
            "matrix product of f16 weights with activations in int8 is not built for avx512_bf16");
  EXPECT_THROW(
      kernels::select_matmul(traits, Format::kQ8_0, Layout::kRowMajor, ActivationForm::kInt8, kernels::RowClass::kFew),
      Error);
  EXPECT_THROW(
      kernels::select_matmul(traits, Format::kF32, Layout::kPanels, ActivationForm::kF32, kernels::RowClass::kFew),
      Error);
}

}  // namespace
}  // namespace ttt
