#pragma once

#include <utility>
#include <vector>

#include "ffn/gated_mlp.h"
#include "ffn/moe.h"

namespace ttt {

// The feed-forward of models in which some layers are dense and others are mixtures of experts. It holds one of the
// two, so forward does not choose.
class DenseOrMoE {
 public:
  explicit DenseOrMoE(GatedMLP ffn) { plan_.dense.push_back(std::move(ffn)); }
  explicit DenseOrMoE(MoE ffn) { plan_.moe.push_back(std::move(ffn)); }

  // x, y: [rows, hidden_dim], f32. y += ffn(x)
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const {
    for (const GatedMLP& ffn : plan_.dense) ffn.forward_add(exec, x, y);
    for (const MoE& ffn : plan_.moe) ffn.forward_add(exec, x, y);
  }

 private:
  struct Plan {
    std::vector<GatedMLP> dense;  // one of the two has one block
    std::vector<MoE> moe;
  } plan_;
};

}  // namespace ttt
