#pragma once

#include <cstdint>

#include "base/context.h"
#include "base/exec.h"
#include "kernels/norm/layer_norm.h"
#include "normalization/layernorm.h"

namespace ttt {

// y_h = (x_h - mean(x_h)) / sqrt(var(x_h) + eps) * (weight_offset + weight_h) of every head h, each with its own gains.
class HeadNorms {
 public:
  // weight: [this rank's heads, head_dim], f32
  HeadNorms(const LayerNormSpec& spec, const ConstTensorView& weight, const LayerNormImplConfig& impl,
            const Context& context);

  // x, y: [rows, this rank's heads * head_dim], f32; y may be x.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const;

 private:
  struct Plan {
    Place place;
    float eps, weight_offset;
    ConstTensorView weight;
    kernels::LayerNormFn norm;
  } plan_;
};

}  // namespace ttt
