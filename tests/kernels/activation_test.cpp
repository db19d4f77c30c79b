#include "kernels/activation/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "dense_cases.h"

namespace ttt {
namespace {

constexpr double kEps = 0x1p-23;

double reference(Activation f, double x) {
  const double pi = 3.14159265358979323846;
  switch (f) {
    case Activation::kIdentity:
      return x;
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kRelu2:
      return x > 0 ? x * x : 0;
    case Activation::kGelu:
      return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return x / (1 + std::exp(-2 * std::sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
    case Activation::kQuickGelu:
      return x / (1 + std::exp(-1.702 * x));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
  }
  return 0;
}

// How far in eps a result in f32 may be off, relatively. Where the argument of an exponential is itself a rounded
// product, its rounding counts as often as the argument is large.
double eps_allowed(Activation f, double x) {
  switch (f) {
    case Activation::kGelu:
      return 5 + x * x / 4;
    case Activation::kGeluTanh:
      return 5 + 3 * 1.6 * std::abs(x + 0.044715 * x * x * x);  // six roundings of half an eps
    case Activation::kQuickGelu:
      return 5 + 1.702 * std::abs(x);
    default:
      return 4;
  }
}

class ActivationLevels : public ::testing::TestWithParam<IsaLevel> {
 protected:
  DeviceTraits traits_ = with_isa(query_device_traits(), GetParam());
};

constexpr Activation kAll[] = {Activation::kRelu,      Activation::kRelu2, Activation::kGelu,    Activation::kGeluTanh,
                               Activation::kQuickGelu, Activation::kSilu,  Activation::kSigmoid, Activation::kTanh};

TEST_P(ActivationLevels, AgreesWithDouble) {
  std::vector<float> x;
  for (int i = -40000; i <= 40000; ++i) x.push_back(static_cast<float>(i) * 2.5e-4f);
  for (int e = -30; e < 0; ++e) x.insert(x.end(), {std::ldexp(1.1f, e), -std::ldexp(1.3f, e)});
  for (const Activation f : kAll) {
    std::vector<float> y = x;
    kernels::select_activation(traits_, f)(y.data(), static_cast<std::int64_t>(y.size()), {});
    double worst = 0, at = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]), want = reference(f, v);
      // Below the normal numbers results are flushed, or carry few bits.
      if (std::abs(want) < 1e-35) {
        ASSERT_NEAR(static_cast<double>(y[i]), want, 1e-35);
        continue;
      }
      const double off = std::abs(static_cast<double>(y[i]) - want) / std::abs(want) / kEps / eps_allowed(f, v);
      if (off > worst) worst = off, at = v;
    }
    EXPECT_LT(worst, 1) << name_of(f) << " at " << at;
  }
}

TEST_P(ActivationLevels, LargeValuesAndNaN) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const Activation f : kAll) {
    std::vector<float> y{1e4f, 3e38f, inf, -1e4f, -3e38f, nan};
    kernels::select_activation(traits_, f)(y.data(), static_cast<std::int64_t>(y.size()), {});
    const bool bounded = f == Activation::kSigmoid || f == Activation::kTanh;
    EXPECT_EQ(y[0], bounded ? 1.0f : f == Activation::kRelu2 ? 1e8f : 1e4f) << name_of(f);
    EXPECT_EQ(y[1], bounded ? 1.0f : f == Activation::kRelu2 ? inf : 3e38f) << name_of(f);
    EXPECT_EQ(y[2], bounded ? 1.0f : inf) << name_of(f);
    EXPECT_NEAR(y[3], f == Activation::kTanh ? -1.0f : 0.0f, 1e-30f) << name_of(f);
    EXPECT_NEAR(y[4], f == Activation::kTanh ? -1.0f : 0.0f, 1e-5f) << name_of(f);
    EXPECT_TRUE(std::isnan(y[5])) << name_of(f);
  }
}

// Partial vectors: every length, and nothing beyond it.
TEST_P(ActivationLevels, AnyLength) {
  const std::vector<float> x = testing::random_floats(70, 1);
  for (const Activation f : kAll) {
    std::vector<float> whole = x;
    kernels::select_activation(traits_, f)(whole.data(), 70, {});
    for (std::size_t n = 0; n <= 67; ++n) {
      std::vector<float> y = x;
      kernels::select_activation(traits_, f)(y.data() + 1, static_cast<std::int64_t>(n), {});
      for (std::size_t i = 0; i < y.size(); ++i) ASSERT_EQ(y[i], i >= 1 && i <= n ? whole[i] : x[i]) << name_of(f);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, ActivationLevels, ::testing::ValuesIn(testing::machine_levels()),
                         [](const auto& level) { return std::string(name_of(level.param)); });

TEST(Activations, AreFoundByName) {
  for (int i = 0; i <= static_cast<int>(Activation::kTanh); ++i) {
    const Activation f = static_cast<Activation>(i);
    EXPECT_FALSE(name_of(f).empty());
    EXPECT_EQ(activation_named(name_of(f)), f);
  }
  EXPECT_EQ(activation_named("gelu_pytorch_tanh"), Activation::kGeluTanh);
  EXPECT_EQ(activation_named("swish"), Activation::kSilu);
  EXPECT_FALSE(activation_named("mish").has_value());
  EXPECT_TRUE(name_of(static_cast<Activation>(9)).empty());
}

TEST(Activations, IdentityIsNull) {
  EXPECT_EQ(kernels::select_activation(query_device_traits(), Activation::kIdentity), nullptr);
}

}  // namespace
}  // namespace ttt
