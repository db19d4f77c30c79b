#pragma once

#include <cstdint>
#include <string_view>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/rows/add_rows.h"

namespace ttt {

// y[r, :] = gain[:] * x[r, :]: a learned factor of each column of a block's result
//
// Touvron et al., "Going Deeper with Image Transformers", 2021. Every rank has all of it.

struct LayerScaleSpec {
  std::int64_t dim = 0;

  bool operator==(const LayerScaleSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("dim", self.dim); }
};

struct LayerScaleImplConfig {
  bool operator==(const LayerScaleImplConfig&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

struct LayerScaleWeights {
  ConstTensorView gain = {};  // [dim], f32
};

struct LayerScaleNames {
  TensorName gain = "lambda1";
};

// Error{kBadData} unless dim is positive.
void validate(const LayerScaleSpec& spec, const Context& context);
// The same whatever the strategy: one product for each value.
LayerScaleImplConfig default_impl_config(const LayerScaleSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(LayerScaleWeights& weights, const LayerScaleSpec& spec, const LayerScaleImplConfig& impl,
                  const LayerScaleNames& names, const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, dim], f32; y may be x.
class LayerScale : public BlockForward<LayerScale, ConstTensorView> {
 public:
  using Spec = LayerScaleSpec;
  using ImplConfig = LayerScaleImplConfig;
  using Weights = LayerScaleWeights;
  using Names = LayerScaleNames;

  LayerScale(const LayerScaleSpec& spec, const LayerScaleWeights& weights, const LayerScaleImplConfig& impl,
             const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    Place place;
    std::int64_t dim;
    ConstTensorView gain;
  } plan_;

  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
};

}  // namespace ttt
