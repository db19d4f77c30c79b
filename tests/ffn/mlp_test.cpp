#include "ffn/mlp.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "collectives/threads.h"
#include "ffn/every_machine.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

constexpr float kAlphaP = 0.6f, kAlphaN = -0.4f;

struct Weights {
  std::int64_t hidden, ffn;
  std::vector<float> up, down, up_bias, down_bias;

  Weights(std::int64_t hidden_dim, std::int64_t ffn_dim)
      : hidden(hidden_dim),
        ffn(ffn_dim),
        up(support::normal_values(ffn * hidden, 2, 1 / std::sqrt(static_cast<float>(hidden)))),
        down(support::normal_values(ffn * hidden, 3, 1 / std::sqrt(static_cast<float>(ffn)))),
        up_bias(support::normal_values(ffn, 5)),
        down_bias(support::normal_values(hidden, 6)) {}

  ConstTensorView cut_down(std::int64_t rank, std::int64_t ranks) const {
    const Cut c = projection_split(ffn, 32, hidden, {}, ranks).cut(rank);
    const ConstTensorView whole = view_of(down.data(), {hidden, ffn});
    return c.axis == 0 ? rows_of(whole, c.begin, c.count) : columns_of(whole, c.begin, c.count);
  }

  MLPWeights cut(std::int64_t rank, std::int64_t ranks, const MLPSpec& spec) const {
    const Part p = part_of(ffn, 32, rank, ranks);
    MLPWeights w{.up = rows_of(view_of(up.data(), {ffn, hidden}), p.begin, p.count), .down = cut_down(rank, ranks)};
    if (spec.bias) {
      w.up_bias = view_of(up_bias.data() + p.begin, {p.count});
      w.down_bias = view_of(down_bias.data(), {hidden});
    }
    if (spec.xielu) {
      w.alpha_p = view_of(&kAlphaP, {1});
      w.alpha_n = view_of(&kAlphaN, {1});
    }
    return w;
  }
};

struct Case {
  std::int64_t rows, hidden, ffn;
  bool bias, xielu;
  Activation activation;
};

std::string name_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return text("rows", c.rows, "_", c.hidden, "x", c.ffn, "_", c.xielu ? "xielu" : name_of(c.activation),
              c.bias ? "_bias" : "");
}

std::function<double(double)> formula(const MLPSpec& spec) {
  if (spec.xielu) {
    return [s = *spec.xielu](double x) { return reference::xielu(x, kAlphaP, kAlphaN, s.beta, s.eps); };
  }
  switch (spec.activation) {
    case Activation::kRelu:
      return reference::relu;
    case Activation::kRelu2:
      return reference::relu2;
    case Activation::kGelu:
      return reference::gelu;
    case Activation::kGeluTanh:
      return reference::gelu_tanh;
    case Activation::kQuickGelu:
      return reference::quick_gelu;
    case Activation::kSilu:
      return reference::silu;
    case Activation::kSigmoid:
      return reference::sigmoid;
    case Activation::kTanh:
      return [](double x) { return std::tanh(x); };
    default:
      return [](double x) { return x; };
  }
}

class MLPLaw : public testing::TestWithParam<Case> {};

TEST_P(MLPLaw, EqualsTheFormulaAtEveryLevelAndOnAnyRanks) {
  const Case c = GetParam();
  const Weights weights(c.hidden, c.ffn);
  const std::vector<float> x = support::normal_values(c.rows * c.hidden, 9);
  MLPSpec spec{.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.bias};
  if (c.xielu) spec.xielu = XieluSpec{};
  using support::doubles;
  reference::Mlp exact{.up = doubles(weights.up),
                       .down = doubles(weights.down),
                       .up_bias = {},
                       .down_bias = {},
                       .hidden_dim = c.hidden,
                       .ffn_dim = c.ffn,
                       .activation = formula(spec)};
  if (c.bias) {
    exact.up_bias = doubles(weights.up_bias);
    exact.down_bias = doubles(weights.down_bias);
  }
  const auto check = [&](const std::vector<float>& y, const std::vector<float>& sum, const std::string& who) {
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const reference::Row want = reference::mlp(support::row_of(x, r, c.hidden), exact);
      for (std::int64_t i = 0; i < c.hidden; ++i) {
        const auto at = static_cast<std::size_t>(r * c.hidden + i);
        const double v = want[static_cast<std::size_t>(i)];
        const double tolerance = 32 * kEpsF32 * std::sqrt(static_cast<double>(c.hidden + c.ffn));
        EXPECT_NEAR(y[at], v, tolerance) << who;
        EXPECT_NEAR(sum[at], v + static_cast<double>(x[at]), tolerance) << who;
      }
    }
  };
  const auto run = [&](const Context& context, Communicator& comm, std::vector<float>& y, std::vector<float>& sum) {
    const MLP mlp(spec, weights.cut(context.rank, context.ranks, spec),
                  default_impl_config(spec, context.traits, Strategy::kDefault), context);
    support::TestExec exec(2, comm);
    const Shape shape{c.rows, c.hidden};
    y = sum = x;  // y may be x
    mlp.forward(*exec, view_of(y.data(), shape), view_of(y.data(), shape));
    mlp.forward_add(*exec, view_of(x.data(), shape), view_of(sum.data(), shape));
  };
  support::on_every_machine(run, check);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, MLPLaw,
    testing::Values(Case{0, 8, 8, false, false, Activation::kGelu}, Case{1, 64, 96, false, false, Activation::kGelu},
                    Case{3, 65, 100, true, false, Activation::kGeluTanh},
                    Case{19, 33, 257, true, false, Activation::kRelu},
                    Case{5, 32, 31, false, false, Activation::kRelu2},
                    Case{7, 9, 64, true, false, Activation::kQuickGelu},
                    Case{2, 64, 65, false, false, Activation::kSilu}, Case{2, 8, 7, false, false, Activation::kSigmoid},
                    Case{2, 8, 7, true, false, Activation::kTanh}, Case{2, 8, 9, true, false, Activation::kIdentity},
                    Case{6, 64, 131, true, true, Activation::kGelu}, Case{1, 64, 96, false, true, Activation::kGelu}),
    name_case);

// Against the double formula over the whole range, in units of the value where it is not small.
TEST(MLP, XieluIsAccurateEverywhere) {
  std::vector<float> x;
  for (float v = 1e-8f; v < 100; v *= 1.37f) x.insert(x.end(), {v, -v});
  x.insert(x.end(), {0.0f, -0.0f, -0.7499f, -0.7501f, -1e-6f});
  const auto n = static_cast<std::int64_t>(x.size());
  for (const DeviceTraits& traits : support::levels()) {
    std::vector<float> y = x;
    support::TestExec exec(1);
    (*exec).launch(kernels::select_xielu(traits), {.x = view_of(y.data(), {1, n}),
                                                   .alpha_p = view_of(&kAlphaP, {1}),
                                                   .alpha_n = view_of(&kAlphaN, {1}),
                                                   .beta = 0.5f,
                                                   .eps = -1e-6f});
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = reference::xielu(x[i], kAlphaP, kAlphaN, 0.5f, -1e-6f);
      // The two halves may cancel: what counts is the larger one.
      EXPECT_NEAR(y[i], want, 4 * kEpsF32 * (std::abs(want) + std::abs(x[i]))) << name_of(traits.isa()) << " " << x[i];
    }
  }
}

void expect_error(const MLPSpec& spec, const MLPWeights& weights, const std::string& message) {
  try {
    const MLP mlp(spec, weights, {}, {});
    FAIL() << "wanted: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.what(), message);
  }
}

TEST(MLP, RefusesBadSpecsAndWeights) {
  const Weights weights(8, 32);
  const MLPSpec plain{.hidden_dim = 8, .ffn_dim = 32};
  MLPWeights w = weights.cut(0, 1, plain);
  expect_error({.hidden_dim = 0, .ffn_dim = 32}, w, "[MLP] hidden_dim wanted a positive number, got 0");
  expect_error({.hidden_dim = 8, .ffn_dim = -1}, w, "[MLP] ffn_dim wanted a positive number, got -1");
  expect_error({.hidden_dim = 8, .ffn_dim = 32, .xielu = XieluSpec{.eps = 1}}, w,
               "[MLP] xielu wanted a finite beta and an eps of at most 0, got beta 0.5, eps 1");
  expect_error({.hidden_dim = 8, .ffn_dim = 32, .xielu = XieluSpec{}}, w, "[] act_fn.alpha_p wanted [1], got nothing");
  expect_error({.hidden_dim = 8, .ffn_dim = 32, .bias = true}, w, "[] up_proj.bias wanted [32], got nothing");
  w.down = w.up;
  expect_error(plain, w, "[] down_proj.weight wanted [8, 32], got [32, 8]");
}

TEST(MLP, SpecGoesThroughJson) {
  const MLPSpec spec{.hidden_dim = 8,
                     .ffn_dim = 32,
                     .activation = Activation::kRelu2,
                     .xielu = XieluSpec{.beta = 0.25f},
                     .bias = true};
  MLPSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
