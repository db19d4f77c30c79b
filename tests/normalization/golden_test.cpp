// LayerNorm against torch.nn.LayerNorm in double precision (tools/make_ffn_golden.py).

#include <gtest/gtest.h>

#include "base/fields.h"
#include "normalization/layernorm.h"
#include "support/exec.h"
#include "support/golden_arrays.h"

namespace ttt {
namespace {

TEST(LayerNorm, EqualsTorch) {
  const std::vector<support::GoldenCase> cases = support::golden_cases("norm", "layer_norm");
  EXPECT_EQ(cases.size(), 4u);
  for (const support::GoldenCase& c : cases) {
    LayerNormSpec spec;
    from_json(spec, c.spec(), c.name);
    for (const DeviceTraits& traits : support::levels()) {
      const LayerNorm norm(spec, {.weight = c.view("weight"), .bias = c.view("bias")}, {}, {.traits = traits});
      support::TestExec exec;
      std::vector<float> y(c.array("y").size());
      norm.forward(*exec, c.view("x"), view_of(y.data(), c.shapes.at("y")));
      const std::vector<float>& want = c.array("y");
      for (std::size_t i = 0; i < y.size(); ++i) {
        ASSERT_NEAR(y[i], want[i], 32 * support::kEpsF32 * (1 + std::abs(want[i]))) << c.name << name_of(traits.isa());
      }
    }
  }
}

}  // namespace
}  // namespace ttt
