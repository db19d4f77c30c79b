#include "heads/dense.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "base/fields.h"
#include "base/partition.h"
#include "collectives/threads.h"
#include "support/error_of.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct DenseCase {
  std::int64_t rows, in, out;
  Activation activation;
  bool bias;
};

std::string name_dense_case(const testing::TestParamInfo<DenseCase>& info) {
  const DenseCase& c = info.param;
  return text("rows", c.rows, "_in", c.in, "_out", c.out, "_", name_of(c.activation), c.bias ? "_bias" : "");
}

// The formula, written independently of the kernels.
double activated(Activation activation, double x) {
  if (activation == Activation::kTanh) return std::tanh(x);
  if (activation == Activation::kGelu) return x * 0.5 * (1 + std::erf(x / std::sqrt(2.0)));
  if (activation == Activation::kRelu) return std::max(x, 0.0);
  return x;
}

class DenseLaw : public testing::TestWithParam<DenseCase> {
 protected:
  void SetUp() override {
    const DenseCase& c = GetParam();
    x_ = support::normal_values(c.rows * c.in, 1);
    w_ = support::normal_values(c.out * c.in, 2, 1 / std::sqrt(static_cast<float>(c.in)));
    b_ = support::normal_values(c.out, 3);
    spec_ = {.input_dim = c.in, .output_dim = c.out, .activation = c.activation, .bias = c.bias};
  }

  // The rows that the rank has of the whole weights.
  DenseWeights weights(std::int64_t rank, std::int64_t ranks) const {
    const Part mine = part_of(spec_.output_dim, 1, rank, ranks);
    DenseWeights w{.weight = view_of(w_.data() + mine.begin * spec_.input_dim, {mine.count, spec_.input_dim})};
    if (spec_.bias) w.bias = view_of(b_.data() + mine.begin, {mine.count});
    return w;
  }

  double wanted(std::int64_t row, std::int64_t out) const {
    double sum = spec_.bias ? b_[static_cast<std::size_t>(out)] : 0.0;
    for (std::int64_t i = 0; i < spec_.input_dim; ++i) {
      sum += static_cast<double>(x_[static_cast<std::size_t>(row * spec_.input_dim + i)]) *
             static_cast<double>(w_[static_cast<std::size_t>(out * spec_.input_dim + i)]);
    }
    return activated(spec_.activation, sum);
  }

  void expect_formula(const std::vector<float>& y, const std::vector<float>& before) const {
    const double tolerance = 16 * kEpsF32 * (4 + std::sqrt(static_cast<double>(spec_.input_dim)));
    for (std::int64_t r = 0; r < GetParam().rows; ++r) {
      for (std::int64_t o = 0; o < spec_.output_dim; ++o) {
        const auto at = static_cast<std::size_t>(r * spec_.output_dim + o);
        EXPECT_NEAR(y[at], wanted(r, o) + (before.empty() ? 0.0 : static_cast<double>(before[at])), tolerance);
      }
    }
  }

  DenseSpec spec_;
  std::vector<float> x_, w_, b_;
};

TEST_P(DenseLaw, EqualsTheFormulaAtEveryLevelAndOnEveryRank) {
  const Shape in{GetParam().rows, spec_.input_dim}, out{GetParam().rows, spec_.output_dim};
  const std::vector<float> before = support::normal_values(out.elements(), 4);
  for (const DeviceTraits& traits : support::levels()) {
    for (const bool reference : {false, true}) {
      const DenseImplConfig impl{.linear = {.reference = reference}};
      for (std::int64_t ranks = 1; ranks <= 4; ++ranks) {
        run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
          const Dense dense(spec_, weights(rank, ranks), impl, {.traits = traits, .rank = rank, .ranks = ranks});
          support::TestExec exec(1, communicator);
          std::vector<float> y(before.size()), sum = before;
          dense.forward(*exec, view_of(x_.data(), in), view_of(y.data(), out));
          dense.forward_add(*exec, view_of(x_.data(), in), view_of(sum.data(), out));
          expect_formula(y, {});
          expect_formula(sum, before);
        });
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DenseLaw,
    testing::Values(DenseCase{0, 8, 8, Activation::kTanh, true}, DenseCase{1, 1, 1, Activation::kTanh, true},
                    DenseCase{1, 64, 3, Activation::kIdentity, false}, DenseCase{3, 65, 9, Activation::kGelu, true},
                    DenseCase{17, 33, 64, Activation::kRelu, true}, DenseCase{5, 7, 2, Activation::kIdentity, true}),
    name_dense_case);

TEST(Dense, RefusesBadSpecsWeightsAndShapes) {
  const std::vector<float> w(12, 1.0f);
  const DenseWeights good{.weight = view_of(w.data(), {3, 4}), .bias = view_of(w.data(), {3})};
  const DenseSpec spec{.input_dim = 4, .output_dim = 3};
  const auto made = [](const DenseSpec& s, const DenseWeights& weights) {
    return support::error_of([&] { const Dense dense(s, weights, {}, {}); }, ErrorKind::kBadData);
  };
  EXPECT_EQ(made({.output_dim = 3}, good), "[Dense] input_dim wanted a positive number, got 0");
  EXPECT_EQ(made({.input_dim = 4}, good), "[Dense] output_dim wanted a positive number, got 0");
  EXPECT_EQ(made({.input_dim = 3, .output_dim = 4}, good), "[] weight wanted [4, 3], got [3, 4]");
  EXPECT_EQ(made(spec, {.weight = good.weight}), "[] bias wanted [3], got nothing");
  const Dense dense(spec, good, {}, {});
  support::TestExec exec;
  std::vector<float> x(12), y(12);
  EXPECT_EQ(support::error_of(
                [&] {
                  dense.forward(*exec, view_of(x.data(), {2, 3}), view_of(y.data(), {2, 3}));
                },
                ErrorKind::kInternal),
            "[] x and y wanted [rows, 4] and [rows, 3], got [2, 3] and [2, 3]");
  EXPECT_EQ(support::error_of(
                [&] {
                  dense.forward(*exec, view_of(x.data(), {3, 4}), view_of(y.data(), {2, 3}));
                },
                ErrorKind::kInternal),
            "[] x and y wanted [rows, 4] and [rows, 3], got [3, 4] and [2, 3]");
}

TEST(Dense, SpecGoesThroughJson) {
  const DenseSpec spec{.input_dim = 7, .output_dim = 2, .activation = Activation::kTanh, .bias = false};
  DenseSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
