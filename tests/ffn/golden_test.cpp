// Feed-forward blocks against layers of PyTorch and Hugging Face transformers (tools/make_ffn_golden.py).

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "base/fields.h"
#include "ffn/load_balancing.h"
#include "ffn/mlp.h"
#include "ffn/moe.h"
#include "support/exec.h"
#include "support/golden_arrays.h"

namespace ttt {
namespace {

using support::GoldenCase;
using support::kEpsF32;

// Both sides compute in f32, in different orders: errors of sums of `longest` terms, of the size of the largest result.
void expect_equal(const GoldenCase& c, const std::vector<float>& got, std::int64_t longest, const std::string& who) {
  const std::vector<float>& want = c.array("y");
  ASSERT_EQ(got.size(), want.size());
  double largest = 0;
  for (const float v : want) largest = std::max(largest, std::abs(double{v}));
  ASSERT_GT(largest, 0.1) << "a golden case of nothing";
  const double tolerance = 8 * kEpsF32 * std::sqrt(static_cast<double>(longest)) * largest;
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << c.name << " " << who;
}

std::string name_case(const testing::TestParamInfo<GoldenCase>& info) { return info.param.name; }

class MLPGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(MLPGolden, EqualsTheLayer) {
  const GoldenCase& c = GetParam();
  MLPSpec spec;
  from_json(spec, c.spec(), c.name);
  if (const Json* name = c.entry.find("activation"))
    spec.activation = activation_named(name->as_string(c.name)).value();
  const MLPWeights w{.up = c.view("up"),
                     .down = c.view("down"),
                     .up_bias = c.view("up_bias"),
                     .down_bias = c.view("down_bias"),
                     .alpha_p = c.view("alpha_p"),
                     .alpha_n = c.view("alpha_n")};
  for (const DeviceTraits& traits : support::levels()) {
    const MLP mlp(spec, w, {}, {.traits = traits});
    support::TestExec exec;
    std::vector<float> y(c.array("y").size());
    mlp.forward(*exec, c.view("x"), view_of(y.data(), c.shapes.at("y")));
    expect_equal(c, y, spec.hidden_dim + spec.ffn_dim, std::string(name_of(traits.isa())));
  }
}

INSTANTIATE_TEST_SUITE_P(Layers, MLPGolden, testing::ValuesIn(support::golden_cases("ffn", "mlp_")), name_case);

// The experts' tensors as blocks want them, whatever form the layer keeps them in.
class Experts {
 public:
  Experts(const GoldenCase& c, const MoESpec& spec) {
    const std::int64_t ffn = spec.expert.ffn_dim;
    for (std::int64_t e = 0; e < spec.num_experts; ++e) {
      GatedMLPWeights w;
      if (c.has("gate_up")) {
        w.gate = rows_of(c.slice("gate_up", e), 0, ffn);
        w.up = rows_of(c.slice("gate_up", e), ffn, ffn);
        w.down = c.slice("down", e);
      } else {
        w.gate = turned(c.slice("gate_up_columns", e), 0, 2);
        w.up = turned(c.slice("gate_up_columns", e), 1, 2);
        w.down = turned(c.slice("down_columns", e), 0, 1);
        const float* bias = c.slice("gate_up_bias", e).row<float>(0);
        w.gate_bias = every_other(bias, ffn);
        w.up_bias = every_other(bias + 1, ffn);
        w.down_bias = c.slice("down_bias", e);
      }
      weights_.push_back(w);
    }
  }
  const std::vector<GatedMLPWeights>& weights() const { return weights_; }

 private:
  // Columns begin, begin + step, ... of x as rows.
  ConstTensorView turned(const ConstTensorView& x, std::int64_t begin, std::int64_t step) {
    std::vector<float>& y = memory_.emplace_back();
    for (std::int64_t c = begin; c < x.dim(1); c += step) {
      for (std::int64_t r = 0; r < x.dim(0); ++r) y.push_back(x.row<float>(r)[c]);
    }
    return view_of(std::as_const(y).data(), {x.dim(1) / step, x.dim(0)});
  }
  ConstTensorView every_other(const float* x, std::int64_t n) {
    std::vector<float>& y = memory_.emplace_back();
    for (std::int64_t i = 0; i < n; ++i) y.push_back(x[2 * i]);
    return view_of(std::as_const(y).data(), {n});
  }

  std::deque<std::vector<float>> memory_;
  std::vector<GatedMLPWeights> weights_;
};

class MoEGolden : public testing::TestWithParam<GoldenCase> {};

TEST_P(MoEGolden, EqualsTheLayer) {
  const GoldenCase& c = GetParam();
  MoESpec spec;
  from_json(spec, c.spec(), c.name);
  const Experts experts(c, spec);
  MoEWeights w{.router = c.view("router"),
               .router_bias = c.view("router_bias"),
               .selection_bias = c.view("selection_bias"),
               .experts = experts.weights(),
               .shared_gate = c.view("shared_gate")};
  w.shared = {.gate = c.view("shared_gate_proj"), .up = c.view("shared_up_proj"), .down = c.view("shared_down_proj")};
  for (const DeviceTraits& traits : support::levels()) {
    for (const Strategy strategy : {Strategy::kDefault, Strategy::kReference, Strategy::kInvariant}) {
      const MoE moe(spec, w, default_impl_config(spec, traits, strategy), {.traits = traits});
      support::TestExec exec;
      std::vector<float> y(c.array("y").size());
      moe.forward(*exec, c.view("x"), view_of(y.data(), c.shapes.at("y")));
      expect_equal(c, y, spec.hidden_dim + spec.expert.ffn_dim, text(name_of(traits.isa()), " ", name_of(strategy)));
    }
  }
}

std::vector<GoldenCase> moe_cases() {
  std::vector<GoldenCase> cases;
  for (GoldenCase& c : support::golden_cases("ffn")) {
    if (c.has("router")) cases.push_back(std::move(c));
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Layers, MoEGolden, testing::ValuesIn(moe_cases()), name_case);

TEST(LoadBalancing, EqualsTheLossOfTraining) {
  const std::vector<GoldenCase> cases = support::golden_cases("ffn", "load_balancing");
  ASSERT_EQ(cases.size(), 1u);
  const GoldenCase& c = cases[0];
  std::vector<ConstTensorView> layers;
  for (std::int64_t i = 0; i < 3; ++i) layers.push_back(rows_of(c.view("logits"), i * 12, 12));
  const Json::Array& losses = c.entry.at("losses", c.name).as_array(c.name);
  EXPECT_NEAR(load_balancing_loss(layers, 2), losses[0].as_number(c.name), 1e-6);
  EXPECT_NEAR(load_balancing_loss(layers, 2, c.array("mask")), losses[1].as_number(c.name), 1e-6);
}

}  // namespace
}  // namespace ttt
