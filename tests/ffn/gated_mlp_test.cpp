#include "ffn/gated_mlp.h"

#include <gtest/gtest.h>

#include "collectives/threads.h"
#include "ffn/every_machine.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct Weights {
  std::int64_t hidden, ffn;
  std::vector<float> gate, up, down, gate_bias, up_bias, down_bias;

  Weights(std::int64_t hidden_dim, std::int64_t ffn_dim)
      : hidden(hidden_dim),
        ffn(ffn_dim),
        gate(support::normal_values(ffn * hidden, 1, 1 / std::sqrt(static_cast<float>(hidden)))),
        up(support::normal_values(ffn * hidden, 2, 1 / std::sqrt(static_cast<float>(hidden)))),
        down(support::normal_values(ffn * hidden, 3, 1 / std::sqrt(static_cast<float>(ffn)))),
        gate_bias(support::normal_values(ffn, 4)),
        up_bias(support::normal_values(ffn, 5)),
        down_bias(support::normal_values(hidden, 6)) {}

  ConstTensorView cut_down(std::int64_t rank, std::int64_t ranks) const {
    const Cut c = projection_split(ffn, 32, hidden, {}, ranks).cut(rank);
    const ConstTensorView whole = view_of(down.data(), {hidden, ffn});
    return c.axis == 0 ? rows_of(whole, c.begin, c.count) : columns_of(whole, c.begin, c.count);
  }

  // The cut of one rank, as views.
  GatedMLPWeights cut(std::int64_t rank, std::int64_t ranks, bool bias) const {
    const Part p = part_of(ffn, 32, rank, ranks);
    GatedMLPWeights w{.gate = rows_of(view_of(gate.data(), {ffn, hidden}), p.begin, p.count),
                      .up = rows_of(view_of(up.data(), {ffn, hidden}), p.begin, p.count),
                      .down = cut_down(rank, ranks)};
    if (!bias) return w;
    w.gate_bias = view_of(gate_bias.data() + p.begin, {p.count});
    w.up_bias = view_of(up_bias.data() + p.begin, {p.count});
    w.down_bias = view_of(down_bias.data(), {hidden});
    return w;
  }

  reference::GatedMlp reference(bool bias, double (*activation)(double)) const {
    using support::doubles;
    reference::GatedMlp r{.gate = doubles(gate),
                          .up = doubles(up),
                          .down = doubles(down),
                          .gate_bias = {},
                          .up_bias = {},
                          .down_bias = {},
                          .hidden_dim = hidden,
                          .ffn_dim = ffn,
                          .activation = activation};
    if (!bias) return r;
    r.gate_bias = doubles(gate_bias);
    r.up_bias = doubles(up_bias);
    r.down_bias = doubles(down_bias);
    return r;
  }
};

struct Case {
  std::int64_t rows, hidden, ffn;
  bool bias;
  Activation activation;
};

double (*formula(Activation a))(double) {
  if (a == Activation::kGelu) return reference::gelu;
  return a == Activation::kRelu ? reference::relu : reference::silu;
}

class GatedMLPLaw : public testing::TestWithParam<Case> {};

TEST_P(GatedMLPLaw, EqualsTheFormulaAtEveryLevelAndOnAnyRanks) {
  const Case c = GetParam();
  const Weights weights(c.hidden, c.ffn);
  const std::vector<float> x = support::normal_values(c.rows * c.hidden, 9);
  const reference::GatedMlp formula_weights = weights.reference(c.bias, formula(c.activation));
  const GatedMLPSpec spec{.hidden_dim = c.hidden, .ffn_dim = c.ffn, .activation = c.activation, .bias = c.bias};
  const auto check = [&](const std::vector<float>& y, const std::vector<float>& sum, const std::string& who) {
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const reference::Row want = reference::gated_mlp(support::row_of(x, r, c.hidden), formula_weights);
      for (std::int64_t i = 0; i < c.hidden; ++i) {
        const auto at = static_cast<std::size_t>(r * c.hidden + i);
        const double tolerance = 32 * kEpsF32 * std::sqrt(static_cast<double>(c.hidden + c.ffn));
        EXPECT_NEAR(y[at], want[static_cast<std::size_t>(i)], tolerance) << who;
        EXPECT_NEAR(sum[at], want[static_cast<std::size_t>(i)] + static_cast<double>(x[at]), tolerance) << who;
      }
    }
  };
  const auto run = [&](const Context& context, Communicator& communicator, std::vector<float>& y,
                       std::vector<float>& sum) {
    const GatedMLP mlp(spec, weights.cut(context.rank, context.ranks, c.bias),
                       default_impl_config(spec, context.traits, Strategy::kDefault), context);
    support::TestExec exec(2, communicator);
    y.assign(x.size(), 0);
    sum = x;
    mlp.forward(*exec, view_of(x.data(), {c.rows, c.hidden}), view_of(y.data(), {c.rows, c.hidden}));
    mlp.forward_add(*exec, view_of(x.data(), {c.rows, c.hidden}), view_of(sum.data(), {c.rows, c.hidden}));
  };
  support::on_every_machine(run, check);
}

INSTANTIATE_TEST_SUITE_P(Shapes, GatedMLPLaw,
                         testing::Values(Case{0, 8, 8, false, Activation::kSilu},
                                         Case{1, 64, 96, false, Activation::kSilu},
                                         Case{3, 65, 100, true, Activation::kGelu},
                                         Case{19, 33, 257, true, Activation::kRelu},
                                         Case{40, 64, 31, false, Activation::kSilu}));

TEST(GatedMLP, RefusesWeightsOfAnotherShape) {
  const Weights weights(8, 32);
  GatedMLPWeights w = weights.cut(0, 1, false);
  w.down = w.gate;
  try {
    const GatedMLP mlp(SwiGLU(8, 32), w, {}, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()), "[] down_proj.weight wanted [8, 32], got [32, 8]");
  }
}

TEST(GatedMLP, ClampsGateAndUp) {
  constexpr std::int64_t kHidden = 24, kFfn = 37, kRows = 5;
  const Weights weights(kHidden, kFfn);
  std::vector<float> x = support::normal_values(kRows * kHidden, 9, 3.0f);
  GatedMLPSpec spec = SwiGLU(kHidden, kFfn);
  spec.bias = true;
  spec.clamp = GateClamp{.limit = 2.0f, .alpha = 1.702f, .up_offset = 1.0f};
  for (const DeviceTraits& traits : support::levels()) {
    const GatedMLP mlp(spec, weights.cut(0, 1, true), {}, {.traits = traits});
    support::TestExec exec;
    std::vector<float> y = x;
    mlp.forward(*exec, view_of(x.data(), {kRows, kHidden}), view_of(y.data(), {kRows, kHidden}));
    const reference::GatedMlp w = weights.reference(true, reference::silu);
    for (std::int64_t r = 0; r < kRows; ++r) {
      const reference::Row row = support::row_of(x, r, kHidden);
      reference::Row g = reference::linear(row, w.gate, w.gate_bias, kFfn);
      const reference::Row u = reference::linear(row, w.up, w.up_bias, kFfn);
      for (std::size_t i = 0; i < g.size(); ++i) g[i] = reference::clamped_gate(g[i], u[i], 2, double{1.702f}, 1);
      const reference::Row want = reference::linear(g, w.down, w.down_bias, kHidden);
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double tolerance = 64 * kEpsF32 * std::sqrt(static_cast<double>(kHidden + kFfn));
        EXPECT_NEAR(y[static_cast<std::size_t>(r * kHidden) + i], want[i], tolerance) << name_of(traits.isa());
      }
    }
  }
}

TEST(GatedMLP, NamesOfFusedTensors) {
  const GatedMLPNames fused = fused_gate_up(96), turns = interleaved_gate_up(96, "w13", "b13");
  EXPECT_EQ(fused.gate, rows("gate_up_proj.weight", 0, 96));
  EXPECT_EQ(fused.up, rows("gate_up_proj.weight", 96, 96));
  EXPECT_EQ(fused.up_bias, rows("gate_up_proj.bias", 96, 96));
  EXPECT_EQ(turns.gate, every("w13", 0, 1, 2, 96));
  EXPECT_EQ(turns.up, every("w13", 1, 1, 2, 96));
  EXPECT_EQ(turns.gate_bias, every("b13", 0, 1, 2, 96));
}

TEST(GatedMLP, RefusesAClampThatItCannotCompute) {
  const auto refused = [](const GatedMLPSpec& spec) {
    try {
      validate(spec, {});
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  GatedMLPSpec spec = GeGLU(8, 32);
  spec.clamp = GateClamp{};
  EXPECT_EQ(refused(spec), "[GatedMLP] clamp wanted activation silu, got gelu");
  spec = SwiGLU(8, 32);
  spec.clamp = GateClamp{.limit = 0, .alpha = 1, .up_offset = 0};
  EXPECT_EQ(refused(spec),
            "[GatedMLP] clamp wanted a positive limit and finite numbers, got limit 0, alpha 1, up_offset 0");
}

}  // namespace
}  // namespace ttt
