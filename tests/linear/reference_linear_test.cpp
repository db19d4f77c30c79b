// Linear in double precision: the second ImplConfig that every other is held against.

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/dense_cases.h"
#include "kernels/grouped_data.h"
#include "linear/default_config.h"
#include "linear/linear.h"

namespace ttt {
namespace {

using kernels::ActivationForm;
using testing::random_floats;

// Any weight with its exact values.
struct Weight {
  ConstTensorView view;
  std::vector<double> values;  // [out, in]
};

std::vector<double> decoded(const ConstTensorView& w) {
  std::vector<double> values;
  std::vector<float> row(static_cast<std::size_t>(w.dim(1)));
  for (std::int64_t r = 0; r < w.dim(0); ++r) {
    if (w.layout == Layout::kPanels) kernels::decode_packed_row(w, r, row.data());
    if (w.layout == Layout::kRowMajor) kernels::decode_row(w, r, 0, w.dim(1), row.data());
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

struct Call {
  std::int64_t rows, out;
  std::vector<float> x, bias = random_floats(out, 21), before = random_floats(rows * out, 23);

  std::vector<float> run(const Linear& linear, kernels::ActivationFn activate) const {
    testing::ExecParts parts;
    std::vector<float> y = before;
    Scratch::Frame frame(parts.scratch);
    linear.run(parts.exec, linear.prepare(parts.exec, frame, view_of(x.data(), {rows, linear.in()})),
               {{.y = view_of(y.data(), {rows, out}), .activate = activate, .accumulate = true}});
    return y;
  }
};

LinearImplConfig reference_config() { return default_linear_config({}, Strategy::kReference); }

void expect_exact(const Weight& w, std::int64_t rows, const std::string& who) {
  const std::int64_t out = w.view.dim(0), in = w.view.dim(1);
  const Call call{.rows = rows, .out = out, .x = random_floats(rows * in, 20)};
  const Context context{.traits = query_device_traits()};
  const Linear linear({{w.view, view_of(call.bias.data(), {out})}}, reference_config(), context);
  EXPECT_EQ(linear.kernel(0, rows).name, "reference");
  const std::vector<float> y = call.run(linear, kernels::select_activation({}, Activation::kRelu, true));
  for (std::int64_t i = 0; i < rows * out; ++i) {
    const auto at = static_cast<std::size_t>(i);
    double sum = 0;
    for (std::int64_t k = 0; k < in; ++k) {
      sum += static_cast<double>(call.x[static_cast<std::size_t>(i / out * in + k)]) *
             w.values[static_cast<std::size_t>(i % out * in + k)];
    }
    const double acc = sum + static_cast<double>(call.bias[static_cast<std::size_t>(i % out)]);
    const double product = std::max(acc, 0.0);
    const double want = product + static_cast<double>(call.before[at]);
    // One rounding before the activation and one of the result; a sum of doubles may be taken in any order.
    ASSERT_NEAR(y[at], want, 0.51 * 0x1p-23 * (std::abs(want) + std::abs(product)) + 1e-12) << who << ", rows " << rows;
  }
}

TEST(ReferenceLinear, MultipliesExactlyDecodedWeightsInDouble) {
  for (const Format format : {Format::kF32, Format::kBF16, Format::kF16}) {
    for (const std::int64_t in : {1, 65, 1100}) {
      testing::DenseMatrix m(format, 33, in, 3, 0, 1);
      for (const std::int64_t rows : {0, 1, 17}) expect_exact({m.view(), m.values}, rows, std::string(name_of(format)));
    }
  }
}

class ReferenceGrouped : public ::testing::TestWithParam<Format> {};

TEST_P(ReferenceGrouped, MultipliesPanelsInDouble) {
  for (const std::int64_t in : {64, 768}) {
    kernels::grouped_tests::PackedMatrix m = kernels::grouped_tests::random_packed(GetParam(), 19, in, 3);
    for (const std::int64_t rows : {1, 18}) expect_exact({m.view(), decoded(m.view())}, rows, "panels");
  }
}

// The law of ImplConfigs: f32 activations differ from the reference by the rounding of a sum, int8 activations by half
// a step of their groups.
TEST_P(ReferenceGrouped, OtherImplConfigsAgree) {
  constexpr std::int64_t kIn = 768, kOut = 40;
  kernels::grouped_tests::PackedMatrix m = kernels::grouped_tests::random_packed(GetParam(), kOut, kIn, 4);
  const std::vector<double> values = decoded(m.view());
  const Context context{.traits = query_device_traits()};
  const Linear exact({{m.view(), {}}}, reference_config(), context);
  for (const ActivationForm form : {ActivationForm::kF32, ActivationForm::kInt8}) {
    const Linear other({{m.view(), {}}}, {.activation = form}, context);
    for (const std::int64_t rows : {1, 5, 70}) {
      const Call call{.rows = rows, .out = kOut, .x = random_floats(rows * kIn, 24)};
      const std::vector<float> a = call.run(exact, nullptr), b = call.run(other, nullptr);
      for (std::int64_t i = 0; i < rows * kOut; ++i) {
        const auto at = static_cast<std::size_t>(i);
        double squares = 0, lost = 0;
        for (std::int64_t k = 0; k < kIn; ++k) {
          const double w = values[static_cast<std::size_t>(i % kOut * kIn + k)];
          const double x = static_cast<double>(call.x[static_cast<std::size_t>(i / kOut * kIn + k)]);
          squares += w * w * x * x;
          lost += std::abs(w) * 0.5 * 2.0 / 127;  // inputs are at most 2
        }
        const double sum = 4 * 0x1p-23 * std::sqrt(static_cast<double>(kIn)) * std::sqrt(squares * kIn);
        const double tolerance = sum + (form == ActivationForm::kInt8 ? lost : 0);
        ASSERT_NEAR(b[at], a[at], tolerance + 4 * 0x1p-23 * std::abs(a[at])) << kernels::name_of(form);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, ReferenceGrouped,
                         ::testing::Values(Format::kQ4_0, Format::kQ4_1, Format::kQ5_0, Format::kQ5_1, Format::kQ8_0,
                                           Format::kQ4_K, Format::kQ5_K, Format::kQ6_K, Format::kInt8, Format::kInt4,
                                           Format::kBfp8B, Format::kBfp4B),
                         [](const auto& f) { return std::string(name_of(f.param)); });

// Rows as files hold them need no packing here.
TEST(ReferenceLinear, TakesStoredRows) {
  for (const Format format : kernels::grouped_tests::kStored) {
    const std::vector<std::byte> blocks = kernels::grouped_tests::random_blocks(format, 5, 768, 7);
    const ConstTensorView w = view_of(blocks.data(), format, {5, 768});
    expect_exact({w, decoded(w)}, 2, std::string(name_of(format)));
  }
}

TEST(ReferenceLinear, RefusesWhatItCannotDecode) {
  const Context context{.place = {.index = -1, .path = "a.b"}};
  const auto message = [&](const ConstTensorView& w, const LinearImplConfig& impl) -> std::string {
    try {
      const Linear linear({{w, {}}}, impl, context);
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  const auto view = [](Format f, Layout layout) { return ConstTensorView{nullptr, f, layout, {4, 32}, 0}; };
  EXPECT_EQ(message(view(Format::kF32, Layout::kRowMajor), {.activation = ActivationForm::kInt8, .reference = true}),
            "[a.b] reference wanted activation f32, got int8");
  EXPECT_EQ(
      message(view(Format::kF32, Layout::kPanels), reference_config()),
      "[a.b] reference product wanted a weight row-major as in files or a grouped one in panels, got f32 in panels");
  EXPECT_EQ(message(view(Format::kF32, Layout::kRowMajor), reference_config()), "");
}

TEST(ReferenceLinear, StrategiesChoose) {
  const DeviceTraits traits = query_device_traits();
  const auto config = [&](Strategy s) { return default_linear_config(traits, s); };
  EXPECT_EQ(config(Strategy::kDefault), LinearImplConfig{});
  EXPECT_EQ(config(Strategy::kPerformance), LinearImplConfig{});
  EXPECT_EQ(config(Strategy::kMemory), LinearImplConfig{});
  EXPECT_EQ(config(Strategy::kAccuracy), (LinearImplConfig{.activation = ActivationForm::kF32}));
  EXPECT_EQ(config(Strategy::kReference), (LinearImplConfig{.activation = ActivationForm::kF32, .reference = true}));
  EXPECT_EQ(config(Strategy::kInvariant), (LinearImplConfig{.one_kernel = true}));
}

}  // namespace
}  // namespace ttt
