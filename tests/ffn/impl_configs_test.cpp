// The law of ImplConfigs for the dense feed-forward blocks: every choice gives the reference's result within rounding,
// and the reference gives the formula's.

#include <gtest/gtest.h>

#include "ffn/gated_mlp.h"
#include "ffn/mlp.h"
#include "support/exec.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

constexpr std::int64_t kRows = 21, kHidden = 65, kFfn = 96;
constexpr Activation kAll[] = {Activation::kIdentity, Activation::kRelu,     Activation::kRelu2,
                               Activation::kGelu,     Activation::kGeluTanh, Activation::kQuickGelu,
                               Activation::kSilu,     Activation::kSigmoid,  Activation::kTanh};
// A sum of n products in f32 is off by eps sqrt(n) of its size, here twice in a row; a handful of roundings on top.
const double kRounding = 4 * support::kEpsF32 * std::sqrt(static_cast<double>(kHidden + kFfn));

struct Values {
  std::vector<float> gate = support::normal_values(kFfn * kHidden, 1, 0.2f),
                     up = support::normal_values(kFfn * kHidden, 2, 0.2f),
                     down = support::normal_values(kHidden * kFfn, 3, 0.2f), wide = support::normal_values(kFfn, 4),
                     narrow = support::normal_values(kHidden, 5), x = support::normal_values(kRows * kHidden, 6);
  ConstTensorView widening(const std::vector<float>& w) const { return view_of(w.data(), {kFfn, kHidden}); }
  ConstTensorView narrowing() const { return view_of(down.data(), {kHidden, kFfn}); }
};

template <class Block>
std::vector<float> run(const Block& block, const Values& v) {
  support::TestExec exec;
  std::vector<float> y(v.x.size());
  block.forward(*exec, view_of(v.x.data(), {kRows, kHidden}), view_of(y.data(), {kRows, kHidden}));
  return y;
}

template <class Block>
void expect_agreement(const typename Block::Spec& spec, const typename Block::Weights& weights, const Values& v,
                      const std::string& who) {
  const DeviceTraits machine = query_device_traits();
  const auto config = [&](Strategy s) { return default_impl_config(spec, machine, s); };
  EXPECT_TRUE(config(Strategy::kReference).linear.reference);
  const std::vector<float> exact = run(Block(spec, weights, config(Strategy::kReference), {.traits = machine}), v);
  for (const DeviceTraits& traits : support::levels()) {
    for (const Strategy s :
         {Strategy::kDefault, Strategy::kPerformance, Strategy::kAccuracy, Strategy::kMemory, Strategy::kInvariant}) {
      const std::vector<float> other = run(Block(spec, weights, config(s), {.traits = traits}), v);
      EXPECT_LT(max_relative_error(exact, other), kRounding)
          << who << " " << name_of(s) << " " << name_of(traits.isa());
    }
  }
}

TEST(ImplConfigs, GatedMLPsAgree) {
  const Values v;
  const GatedMLPWeights weights{.gate = v.widening(v.gate),
                                .up = v.widening(v.up),
                                .down = v.narrowing(),
                                .gate_bias = view_of(v.wide.data(), {kFfn}),
                                .up_bias = view_of(v.wide.data(), {kFfn}),
                                .down_bias = view_of(v.narrow.data(), {kHidden})};
  GatedMLPSpec spec{.hidden_dim = kHidden, .ffn_dim = kFfn, .bias = true};
  for (const Activation a : kAll) {
    spec.activation = a;
    expect_agreement<GatedMLP>(spec, weights, v, std::string(name_of(a)));
  }
  spec.activation = Activation::kSilu;
  spec.clamp = GateClamp{.limit = 1.5f};
  expect_agreement<GatedMLP>(spec, weights, v, "clamped");
}

TEST(ImplConfigs, MLPsAgree) {
  const Values v;
  const float alpha_p = 0.4f, alpha_n = -0.2f;
  const MLPWeights weights{.up = v.widening(v.up),
                           .down = v.narrowing(),
                           .up_bias = view_of(v.wide.data(), {kFfn}),
                           .down_bias = view_of(v.narrow.data(), {kHidden}),
                           .alpha_p = view_of(&alpha_p, {1}),
                           .alpha_n = view_of(&alpha_n, {1})};
  MLPSpec spec{.hidden_dim = kHidden, .ffn_dim = kFfn, .bias = true};
  for (const Activation a : kAll) {
    spec.activation = a;
    expect_agreement<MLP>(spec, weights, v, std::string(name_of(a)));
  }
  spec.xielu = XieluSpec{};
  expect_agreement<MLP>(spec, weights, v, "xielu");
}

// What is stored between the products is f32: the reference is off by single roundings.
TEST(ImplConfigs, ReferenceIsTheFormula) {
  const Values v;
  const GatedMLPSpec spec{.hidden_dim = kHidden, .ffn_dim = kFfn};
  const GatedMLPWeights weights{.gate = v.widening(v.gate), .up = v.widening(v.up), .down = v.narrowing()};
  const std::vector<float> got =
      run(GatedMLP(spec, weights, default_impl_config(spec, {}, Strategy::kReference), {}), v);
  std::vector<float> want;
  for (std::int64_t r = 0; r < kRows; ++r) {
    const reference::Row row = reference::gated_mlp(support::row_of(v.x, r, kHidden), {.gate = support::doubles(v.gate),
                                                                                       .up = support::doubles(v.up),
                                                                                       .down = support::doubles(v.down),
                                                                                       .gate_bias = {},
                                                                                       .up_bias = {},
                                                                                       .down_bias = {},
                                                                                       .hidden_dim = kHidden,
                                                                                       .ffn_dim = kFfn});
    want.insert(want.end(), row.begin(), row.end());
  }
  EXPECT_LT(max_relative_error(want, got), 2 * support::kEpsF32);
}

}  // namespace
}  // namespace ttt
