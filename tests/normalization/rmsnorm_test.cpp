#include "normalization/rmsnorm.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct RmsNormCase {
  std::int64_t rows, dim;
  float offset;
  bool affine;
};

std::string name_rms_norm_case(const testing::TestParamInfo<RmsNormCase>& info) {
  const RmsNormCase& c = info.param;
  return text("rows", c.rows, "_dim", c.dim, c.offset > 0 ? "_offset" : "", c.affine ? "" : "_plain");
}

class RMSNormLaw : public testing::TestWithParam<RmsNormCase> {};

TEST_P(RMSNormLaw, EqualsTheFormulaAtEveryLevel) {
  const auto [rows, dim, offset, affine] = GetParam();
  const std::vector<float> x = support::normal_values(rows * dim, 1, 3.0f, 0.5f);
  const std::vector<float> w = support::normal_values(dim, 2, 0.3f, 1.0f);
  const RMSNormSpec spec{.dim = dim, .eps = 1e-5f, .weight_offset = offset, .affine = affine};
  for (const DeviceTraits& traits : support::levels()) {
    const Context context{.traits = traits};
    const RMSNorm norm(spec, {.weight = affine ? view_of(w.data(), {dim}) : ConstTensorView{}}, {}, context);
    support::TestExec exec;
    std::vector<float> y = x, sum = x;  // y is x: aliasing is allowed
    norm.forward(*exec, view_of(y.data(), {rows, dim}), view_of(y.data(), {rows, dim}));
    norm.forward_add(*exec, view_of(x.data(), {rows, dim}), view_of(sum.data(), {rows, dim}));
    for (std::int64_t r = 0; r < rows; ++r) {
      const reference::Row want = reference::rms_norm(support::row_of(x, r, dim),
                                                      affine ? support::doubles(w) : reference::Row{}, 1e-5f, offset);
      for (std::int64_t i = 0; i < dim; ++i) {
        const auto at = static_cast<std::size_t>(r * dim + i);
        const double v = want[static_cast<std::size_t>(i)];
        // The mean's error is spread over lanes; the rest is a handful of roundings.
        const double tolerance = 4 * kEpsF32 * std::sqrt(static_cast<double>(dim)) * std::abs(v) + 1e-12;
        EXPECT_NEAR(y[at], v, tolerance) << name_of(traits.isa());
        EXPECT_NEAR(sum[at], v + static_cast<double>(x[at]), tolerance + kEpsF32 * (std::abs(v) + std::abs(x[at])));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, RMSNormLaw,
                         testing::Values(RmsNormCase{0, 64, 0, true}, RmsNormCase{1, 1, 0, true},
                                         RmsNormCase{1, 3, 1, true}, RmsNormCase{2, 7, 0, false},
                                         RmsNormCase{5, 8, 0, true}, RmsNormCase{3, 9, 1, true},
                                         RmsNormCase{17, 64, 0, true}, RmsNormCase{9, 65, 0, false},
                                         RmsNormCase{2, 2048, 1, true}),
                         name_rms_norm_case);

void expect_rms_norm_error(const RMSNormSpec& spec, const RMSNormWeights& weights, const std::string& message) {
  try {
    const RMSNorm norm(spec, weights, {}, {});
    FAIL() << "wanted: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.what(), message);
  }
}

TEST(RMSNorm, RefusesBadSpecsAndShapes) {
  const std::vector<float> w(4, 1.0f);
  const RMSNormWeights four{.weight = view_of(w.data(), {4})};
  expect_rms_norm_error({.dim = 0}, four, "[RMSNorm] dim wanted a positive number, got 0");
  expect_rms_norm_error({.dim = 4, .eps = -1}, four, "[RMSNorm] eps wanted a number of at least 0, got -1");
  expect_rms_norm_error({.dim = 5}, four, "[] weight wanted [5], got [4]");
  expect_rms_norm_error({.dim = 4}, {}, "[] weight wanted [4], got nothing");
  const RMSNorm norm({.dim = 4}, four, {}, {});
  support::TestExec exec;
  std::vector<float> x(6);
  EXPECT_THROW(norm.forward(*exec, view_of(x.data(), {2, 3}), view_of(x.data(), {2, 3})), Error);
}

TEST(RMSNorm, SpecGoesThroughJson) {
  const RMSNormSpec spec{.dim = 7, .eps = 1e-6f, .weight_offset = 1, .affine = false};
  RMSNormSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
  EXPECT_THROW(from_json(read, Json(Json::Object{{"dimm", 3}}), "spec"), Error);
}

}  // namespace
}  // namespace ttt
