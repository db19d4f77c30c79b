#pragma once

#include <cstdint>
#include <string_view>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/norm/rms_norm.h"
#include "normalization/norm_config.h"

namespace ttt {

// y[r, :] = x[r, :] / sqrt(mean(x[r, :]^2) + eps) * (weight_offset + weight[:])
//
// Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.

struct RMSNormSpec {
  static constexpr std::string_view kName = "rms_norm";
  std::int64_t dim = 0;
  float eps = 1e-5f;
  float weight_offset = 0.0f;  // 1 for checkpoints that store gain - 1
  bool affine = true;          // false: no weight, gain 1

  bool operator==(const RMSNormSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("dim", self.dim);
    visit("eps", self.eps);
    visit("weight_offset", self.weight_offset);
    visit("affine", self.affine);
  }
};

using RMSNormImplConfig = NormImplConfig;

struct RMSNormWeights {
  ConstTensorView weight = {};  // [dim], f32; absent when not affine
};

struct RMSNormNames {
  TensorName weight = "weight";
};

// Error{kBadData} unless dim > 0 and eps >= 0 and finite.
void validate(const RMSNormSpec& spec, const Context& context);
// As default_norm_config.
RMSNormImplConfig default_impl_config(const RMSNormSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(RMSNormWeights& weights, const RMSNormSpec& spec, const RMSNormImplConfig& impl,
                  const RMSNormNames& names, const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, dim], f32; y may be x.
class RMSNorm : public BlockForward<RMSNorm, ConstTensorView> {
 public:
  using Spec = RMSNormSpec;
  using ImplConfig = RMSNormImplConfig;
  using Weights = RMSNormWeights;
  using Names = RMSNormNames;

  RMSNorm(const RMSNormSpec& spec, const RMSNormWeights& weights, const RMSNormImplConfig& impl,
          const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    Place place;
    std::int64_t dim;
    float eps, weight_offset;
    ConstTensorView weight;  // [dim]; null data: gain 1
    kernels::RmsNormFn norm, norm_add;
  } plan_;

  static Plan make_plan(const RMSNormSpec& spec, const RMSNormWeights& weights, const RMSNormImplConfig& impl,
                        const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
};

}  // namespace ttt
