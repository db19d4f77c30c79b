// The kernels of Strategy::kReference: in double precision, rounded to f32 once for each result.

#include "testing/reference.h"

#include <gtest/gtest.h>

#include <limits>

#include "kernels/activation/activation.h"
#include "kernels/activation/clamp.h"
#include "kernels/activation/gate.h"
#include "kernels/activation/xielu.h"
#include "kernels/norm/layer_norm.h"
#include "kernels/norm/rms_norm.h"
#include "kernels/norm/shard_norm.h"
#include "support/exec.h"

namespace ttt {
namespace {

// Half a step of f32, and what double precision loses.
double rounding(double value) { return 0.5001 * support::kEpsF32 * std::abs(value) + 1e-44; }

// From the largest finite numbers to subnormal ones, both signs, zero and the usual range.
std::vector<float> wide_values() {
  std::vector<float> v = support::normal_values(400, 1, 4.0f);
  for (const float x : {0.0f, 1e-42f, 1e-20f, 1e-6f, 0.625f, 9.0f, 13.9f, 20.0f, 88.0f, 104.0f, 1e4f, 1e18f, 3e38f}) {
    v.push_back(x);
    v.push_back(-x);
  }
  return v;
}

TEST(ReferenceKernels, ActivationsAreRoundedOnce) {
  const std::pair<Activation, double (*)(double)> functions[] = {{Activation::kRelu, reference::relu},
                                                                 {Activation::kRelu2, reference::relu2},
                                                                 {Activation::kGelu, reference::gelu},
                                                                 {Activation::kGeluTanh, reference::gelu_tanh},
                                                                 {Activation::kQuickGelu, reference::quick_gelu},
                                                                 {Activation::kSilu, reference::silu},
                                                                 {Activation::kSigmoid, reference::sigmoid},
                                                                 {Activation::kTanh, std::tanh}};
  const DeviceTraits traits = query_device_traits();
  for (const auto& [activation, formula] : functions) {
    std::vector<float> y = wide_values();
    kernels::select_activation(traits, activation, true)(y.data(), static_cast<std::int64_t>(y.size()), {});
    const std::vector<float> x = wide_values();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = formula(static_cast<double>(x[i]));
      if (std::abs(want) > 3.4028235e38) {
        EXPECT_TRUE(std::isinf(y[i])) << name_of(activation) << " of " << x[i];
        continue;
      }
      // 1 + tanh cancels in the formula, by as much as an eps of double for every x.
      const double cancels = activation == Activation::kGeluTanh ? 1e-15 * std::abs(static_cast<double>(x[i])) : 0;
      EXPECT_NEAR(y[i], want, rounding(want) + cancels) << name_of(activation) << " of " << x[i];
    }
  }
  EXPECT_EQ(kernels::select_activation(traits, Activation::kIdentity, true), nullptr);
}

TEST(ReferenceKernels, ActivationsKeepNaN) {
  const DeviceTraits traits = query_device_traits();
  for (int i = 1; i <= static_cast<int>(Activation::kTanh); ++i) {
    float x = NAN;
    kernels::select_activation(traits, static_cast<Activation>(i), true)(&x, 1, {});
    EXPECT_TRUE(std::isnan(x)) << name_of(static_cast<Activation>(i));
  }
}

TEST(ReferenceKernels, GatesAreRoundedOnce) {
  constexpr std::int64_t kRows = 3, kDim = 65;
  const std::vector<float> gate = support::normal_values(kRows * kDim, 2, 5.0f),
                           up = support::normal_values(kRows * kDim, 3, 5.0f);
  const DeviceTraits traits = query_device_traits();
  support::TestExec exec;
  std::vector<float> g = gate, y = up;
  const kernels::GateArgs args{.gate = view_of(g.data(), {kRows, kDim}),
                               .up = view_of(y.data(), {kRows, kDim}),
                               .y = view_of(y.data(), {kRows, kDim}),
                               .activate = kernels::select_activation(traits, Activation::kSilu, true),
                               .params = {.limit = 4.0f, .alpha = 1.5f},
                               .up_offset = 1.0f};
  (*exec).launch(kernels::select_gate(traits, true), args);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double want = reference::silu(static_cast<double>(gate[i])) * static_cast<double>(up[i]);
    EXPECT_NEAR(y[i], want, 2 * rounding(want));  // the activation is stored in f32
  }
  g = gate;
  y = up;
  g[0] = NAN;
  y[1] = NAN;
  (*exec).launch(kernels::select_clamped_gate(traits, true), args);
  EXPECT_TRUE(std::isnan(y[0]) && std::isnan(y[1]));
  for (std::size_t i = 2; i < y.size(); ++i) {
    const double want =
        reference::clamped_gate(static_cast<double>(gate[i]), static_cast<double>(up[i]), 4.0, 1.5, 1.0);
    EXPECT_NEAR(y[i], want, rounding(want));
  }
}

TEST(ReferenceKernels, XieluIsRoundedOnce) {
  const float alpha_p = 0.3f, alpha_n = -0.7f;
  const std::vector<float> x = support::normal_values(4 * 33, 4, 3.0f);
  std::vector<float> y = x;
  support::TestExec exec;
  (*exec).launch(kernels::select_xielu(query_device_traits(), true), {.x = view_of(y.data(), {4, 33}),
                                                                      .alpha_p = view_of(&alpha_p, {1}),
                                                                      .alpha_n = view_of(&alpha_n, {1}),
                                                                      .beta = 0.5f,
                                                                      .eps = -1e-6f});
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = reference::xielu(static_cast<double>(x[i]), static_cast<double>(alpha_p),
                                         static_cast<double>(alpha_n), 0.5, static_cast<double>(-1e-6f));
    EXPECT_NEAR(y[i], want, rounding(want) + 1e-15);
  }
}

TEST(ClampKernels, LimitAndKeepNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  std::vector<DeviceTraits> levels = support::levels();
  for (const bool reference : {false, true}) {
    for (const DeviceTraits& traits : levels) {
      std::vector<float> x = support::normal_values(3 * 19, 4, 2.0f), want = x;
      x[0] = want[0] = nan;
      x[1] = infinity;
      x[18] = -infinity;
      want[1] = 0.75f;
      want[18] = -0.75f;
      for (float& v : want) v = v > 0.75f ? 0.75f : v < -0.75f ? -0.75f : v;
      support::TestExec exec;
      (*exec).launch(kernels::select_clamp(traits, reference), {.x = view_of(x.data(), {3, 19}), .limit = 0.75f});
      EXPECT_TRUE(std::isnan(x[0])) << name_of(traits.isa());
      EXPECT_EQ(std::vector(x.begin() + 1, x.end()), std::vector(want.begin() + 1, want.end()))
          << name_of(traits.isa());
    }
  }
}

TEST(ReferenceKernels, NormsAreRoundedOnce) {
  constexpr float kEps = 1e-6f;
  for (const std::int64_t dim : {1, 7, 64, 2048}) {
    const std::vector<float> x = support::normal_values(3 * dim, 5, 2.0f, 1.0f), w = support::normal_values(dim, 6);
    support::TestExec exec;
    std::vector<float> y = x, sum = x;
    for (float* to : {y.data(), sum.data()}) {
      (*exec).launch(to == y.data() ? kernels::select_rms_norm({}, true) : kernels::select_rms_norm_add({}, true),
                     {.x = view_of(x.data(), {3, dim}),
                      .weight = view_of(w.data(), {dim}),
                      .y = view_of(to, {3, dim}),
                      .eps = kEps,
                      .weight_offset = 1});
    }
    for (std::int64_t r = 0; r < 3; ++r) {
      const reference::Row want = reference::rms_norm(support::row_of(x, r, dim), support::doubles(w), kEps, 1);
      for (std::int64_t i = 0; i < dim; ++i) {
        const auto at = static_cast<std::size_t>(r * dim + i);
        const double v = want[static_cast<std::size_t>(i)], added = v + static_cast<double>(x[at]);
        EXPECT_NEAR(y[at], v, rounding(v));
        EXPECT_NEAR(sum[at], added, rounding(added) + 1e-15);
      }
    }
  }
}

TEST(ReferenceKernels, LayerNormsAreRoundedOnce) {
  constexpr float kEps = 1e-5f;
  for (const std::int64_t dim : {2, 7, 64, 2048}) {
    const std::vector<float> x = support::normal_values(3 * dim, 7, 2.0f, 30.0f), w = support::normal_values(dim, 8),
                             b = support::normal_values(dim, 9);
    support::TestExec exec;
    std::vector<float> y = x, sum = x;
    for (float* to : {y.data(), sum.data()}) {
      (*exec).launch(to == y.data() ? kernels::select_layer_norm({}, true) : kernels::select_layer_norm_add({}, true),
                     {.x = view_of(x.data(), {3, dim}),
                      .weight = view_of(w.data(), {dim}),
                      .bias = view_of(b.data(), {dim}),
                      .y = view_of(to, {3, dim}),
                      .eps = kEps});
    }
    for (std::int64_t r = 0; r < 3; ++r) {
      const reference::Row want =
          reference::layer_norm(support::row_of(x, r, dim), support::doubles(w), support::doubles(b), kEps);
      for (std::int64_t i = 0; i < dim; ++i) {
        const auto at = static_cast<std::size_t>(r * dim + i);
        const double v = want[static_cast<std::size_t>(i)], added = v + static_cast<double>(x[at]);
        EXPECT_NEAR(y[at], v, rounding(v) + 1e-12);
        EXPECT_NEAR(sum[at], added, rounding(added) + 1e-12);
      }
    }
  }
}

// Parts of 5, 0 and 60 columns; statistics pass between them in f32.
TEST(ReferenceKernels, NormsOfPartsAreThatOfTheWhole) {
  constexpr std::int64_t kDim = 65, kRows = 4;
  const std::vector<std::int64_t> parts{5, 0, 60};
  const std::vector<float> x = support::normal_values(kRows * kDim, 10, 2.0f, 3.0f),
                           w = support::normal_values(kDim, 11);
  support::TestExec exec;
  for (const bool about_zero : {true, false}) {
    std::vector<float> statistics(3 * kRows * 2), y = x;
    const TensorView all = view_of(statistics.data(), {3 * kRows, 2}), whole = view_of(y.data(), {kRows, kDim});
    const auto moments =
        about_zero ? kernels::select_row_moments_about_zero({}, true) : kernels::select_row_moments({}, true);
    std::int64_t begin = 0;
    for (std::int64_t rank = 0; rank < 3; ++rank) {
      const std::int64_t count = parts[static_cast<std::size_t>(rank)];
      (*exec).launch(moments, {.x = columns_of(whole, begin, count), .statistics = rows_of(all, rank * kRows, kRows)});
      begin += count;
    }
    (*exec).launch(kernels::select_shard_norm({}, true), {.x = columns_of(whole, 0, 5),
                                                          .weight = view_of(w.data(), {5}),
                                                          .y = columns_of(whole, 0, 5),
                                                          .statistics = statistics.data(),
                                                          .parts = parts,
                                                          .eps = 1e-5f});
    for (std::int64_t r = 0; r < kRows; ++r) {
      const reference::Row row = support::row_of(x, r, kDim);
      const reference::Row want = about_zero ? reference::rms_norm(row, support::doubles(w), 1e-5f, 0)
                                             : reference::layer_norm(row, support::doubles(w), {}, 1e-5f);
      for (std::int64_t i = 0; i < 5; ++i) {
        const double v = want[static_cast<std::size_t>(i)];
        EXPECT_NEAR(y[static_cast<std::size_t>(r * kDim + i)], v, 4 * support::kEpsF32 * (1 + std::abs(v)));
      }
    }
  }
}

}  // namespace
}  // namespace ttt
