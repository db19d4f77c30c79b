#include "normalization/layernorm.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct LayerNormCase {
  std::int64_t rows, dim;
  float mean;
  bool weight, bias;
};

std::string name_layer_norm_case(const testing::TestParamInfo<LayerNormCase>& info) {
  const LayerNormCase& c = info.param;
  return text("rows", c.rows, "_dim", c.dim, "_mean", static_cast<int>(c.mean), c.weight ? "" : "_no_weight",
              c.bias ? "" : "_no_bias");
}

class LayerNormLaw : public testing::TestWithParam<LayerNormCase> {};

TEST_P(LayerNormLaw, EqualsTheFormulaAtEveryLevel) {
  const auto [rows, dim, mean, with_weight, with_bias] = GetParam();
  const std::vector<float> x = support::normal_values(rows * dim, 1, 3.0f, mean);
  const std::vector<float> w = support::normal_values(dim, 2, 0.3f, 1.0f), b = support::normal_values(dim, 3);
  const LayerNormSpec spec{.dim = dim, .eps = 1e-5f, .weight = with_weight, .bias = with_bias};
  const LayerNormWeights weights{.weight = with_weight ? view_of(w.data(), {dim}) : ConstTensorView{},
                                 .bias = with_bias ? view_of(b.data(), {dim}) : ConstTensorView{}};
  for (const DeviceTraits& traits : support::levels()) {
    const LayerNorm norm(spec, weights, {}, {.traits = traits});
    support::TestExec exec;
    std::vector<float> y = x, sum = x;  // y is x: aliasing is allowed
    norm.forward(*exec, view_of(y.data(), {rows, dim}), view_of(y.data(), {rows, dim}));
    norm.forward_add(*exec, view_of(x.data(), {rows, dim}), view_of(sum.data(), {rows, dim}));
    for (std::int64_t r = 0; r < rows; ++r) {
      const reference::Row want =
          reference::layer_norm(support::row_of(x, r, dim), with_weight ? support::doubles(w) : reference::Row{},
                                with_bias ? support::doubles(b) : reference::Row{}, 1e-5f);
      for (std::int64_t i = 0; i < dim; ++i) {
        const auto at = static_cast<std::size_t>(r * dim + i);
        const double v = want[static_cast<std::size_t>(i)];
        // The inputs' own rounding is of the mean's size, and counts as many deviations (of 3) as it is.
        const double gain = with_weight ? std::abs(w[static_cast<std::size_t>(i)]) : 1.0;
        const double tolerance = 4 * kEpsF32 * std::sqrt(static_cast<double>(dim)) * (std::abs(v) + 1) +
                                 2 * kEpsF32 * std::abs(mean) / 3 * gain;
        EXPECT_NEAR(y[at], v, tolerance) << name_of(traits.isa());
        EXPECT_NEAR(sum[at], v + static_cast<double>(x[at]), tolerance + kEpsF32 * (std::abs(v) + std::abs(x[at])));
      }
    }
  }
}

// One value has no variance: (x - x) / sqrt(eps) = 0.
INSTANTIATE_TEST_SUITE_P(Shapes, LayerNormLaw,
                         testing::Values(LayerNormCase{0, 64, 0, true, true}, LayerNormCase{1, 1, 0, true, true},
                                         LayerNormCase{1, 3, 1, true, false}, LayerNormCase{2, 7, 0, false, true},
                                         LayerNormCase{5, 8, 0, true, true}, LayerNormCase{3, 9, 2, false, false},
                                         LayerNormCase{17, 64, 0, true, true}, LayerNormCase{9, 65, 0, false, true},
                                         LayerNormCase{2, 2048, 1, true, true}, LayerNormCase{3, 129, 1000, true, true},
                                         LayerNormCase{2, 1024, 30000, false, false}),
                         name_layer_norm_case);

// The naive E[x^2] - E[x]^2 in f32 loses every digit here.
TEST(LayerNorm, KeepsASmallVarianceBesideALargeMean) {
  constexpr std::int64_t kDim = 1000;
  std::vector<float> x(kDim), y(kDim);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = 40000.0f + static_cast<float>(i % 5) * 0.25f;
  for (const DeviceTraits& traits : support::levels()) {
    const LayerNorm norm({.dim = kDim, .eps = 0, .weight = false, .bias = false}, {}, {}, {.traits = traits});
    support::TestExec exec(1);
    norm.forward(*exec, view_of(x.data(), {1, kDim}), view_of(y.data(), {1, kDim}));
    for (std::size_t i = 0; i < x.size(); ++i) {
      EXPECT_NEAR(y[i], (static_cast<double>(i % 5) - 2) / std::sqrt(2.0), 32 * kEpsF32) << name_of(traits.isa());
    }
  }
}

void expect_layer_norm_error(const LayerNormSpec& spec, const LayerNormWeights& weights, const std::string& message) {
  try {
    const LayerNorm norm(spec, weights, {}, {});
    FAIL() << "wanted: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.what(), message);
  }
}

TEST(LayerNorm, RefusesBadSpecsAndShapes) {
  const std::vector<float> w(4, 1.0f);
  const LayerNormWeights four{.weight = view_of(w.data(), {4}), .bias = view_of(w.data(), {4})};
  expect_layer_norm_error({.dim = 0}, four, "[LayerNorm] dim wanted a positive number, got 0");
  expect_layer_norm_error({.dim = 4, .eps = -1}, four, "[LayerNorm] eps wanted a number of at least 0, got -1");
  expect_layer_norm_error({.dim = 5}, four, "[] weight wanted [5], got [4]");
  expect_layer_norm_error({.dim = 4}, {.weight = four.weight}, "[] bias wanted [4], got nothing");
  const LayerNorm norm({.dim = 4}, four, {}, {});
  support::TestExec exec;
  std::vector<float> x(6);
  EXPECT_THROW(norm.forward(*exec, view_of(x.data(), {2, 3}), view_of(x.data(), {2, 3})), Error);
}

TEST(LayerNorm, SpecGoesThroughJson) {
  const LayerNormSpec spec{.dim = 7, .eps = 1e-6f, .weight = false, .bias = false};
  LayerNormSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
