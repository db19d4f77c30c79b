#pragma once

#include <cstdint>
#include <string_view>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/norm/layer_norm.h"
#include "normalization/norm_config.h"

namespace ttt {

// y[r, :] = (x[r, :] - mean(x[r, :])) / sqrt(var(x[r, :]) + eps) * (weight_offset + weight[:]) + bias[:]
//
// var is the mean of the squared distances from the mean. Ba, Kiros and Hinton, "Layer Normalization", 2016.

struct LayerNormSpec {
  static constexpr std::string_view kName = "layer_norm";
  std::int64_t dim = 0;
  float eps = 1e-5f;
  bool weight = true;          // false: gain 1
  bool bias = true;            // false: none added
  float weight_offset = 0.0f;  // 1 for checkpoints that store gain - 1

  bool operator==(const LayerNormSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("dim", self.dim);
    visit("eps", self.eps);
    visit("weight", self.weight);
    visit("bias", self.bias);
    visit("weight_offset", self.weight_offset);
  }
};

using LayerNormImplConfig = NormImplConfig;

struct LayerNormWeights {
  ConstTensorView weight = {};  // [dim], f32; absent without weight
  ConstTensorView bias = {};    // [dim], f32; absent without bias
};

struct LayerNormNames {
  TensorName weight = "weight", bias = "bias";
};

// Error{kBadData} unless dim > 0 and eps >= 0 and finite.
void validate(const LayerNormSpec& spec, const Context& context);
// As default_norm_config.
LayerNormImplConfig default_impl_config(const LayerNormSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(LayerNormWeights& weights, const LayerNormSpec& spec, const LayerNormImplConfig& impl,
                  const LayerNormNames& names, const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, dim], f32; y may be x.
class LayerNorm : public BlockForward<LayerNorm, ConstTensorView> {
 public:
  using Spec = LayerNormSpec;
  using ImplConfig = LayerNormImplConfig;
  using Weights = LayerNormWeights;
  using Names = LayerNormNames;

  LayerNorm(const LayerNormSpec& spec, const LayerNormWeights& weights, const LayerNormImplConfig& impl,
            const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    Place place;
    std::int64_t dim;
    float eps, weight_offset;
    ConstTensorView weight, bias;  // [dim]; null data: gain 1, nothing added
    kernels::LayerNormFn norm, norm_add;
  } plan_;

  static Plan make_plan(const LayerNormSpec& spec, const LayerNormWeights& weights, const LayerNormImplConfig& impl,
                        const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
};

}  // namespace ttt
