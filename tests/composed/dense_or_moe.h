#pragma once

#include <vector>

#include "ffn/gated_mlp.h"
#include "ffn/moe.h"

namespace ttt::composed {

// The feed-forward of models whose layers have a dense one here and a mixture of experts there.
class DenseOrMoE {
 public:
  explicit DenseOrMoE(GatedMLP ffn) { dense_.push_back(std::move(ffn)); }
  explicit DenseOrMoE(MoE ffn) { moe_.push_back(std::move(ffn)); }

  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
    for (const GatedMLP& ffn : dense_) ffn.forward_add(exec, x, y);
    for (const MoE& ffn : moe_) ffn.forward_add(exec, x, y);
  }

 private:
  std::vector<GatedMLP> dense_;  // one of the two has one block
  std::vector<MoE> moe_;
};

}  // namespace ttt::composed
