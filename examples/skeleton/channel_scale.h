// A block to copy. In the library it would be ttt/normalization/channel_scale.h.
#pragma once

#include <cstdint>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "kernels/channel_scale.h"

namespace ttt {

// y[r, :] = x[r, :] * gain[:]
//
// Touvron et al., "Going deeper with Image Transformers", 2021.

// What is computed. Two Specs that compare equal compute the same function; whatever changes the answer is a field
// here.
struct ChannelScaleSpec {
  std::int64_t dim = 0;

  bool operator==(const ChannelScaleSpec&) const = default;
  // Printing, JSON in and out and overrides are written once over this.
  static void visit_fields(auto& self, auto&& visit) { visit("dim", self.dim); }
};

// How it is computed. Any two of them give the same result up to rounding.
struct ChannelScaleImplConfig {
  Format activation = Format::kF32;

  bool operator==(const ChannelScaleImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("activation", self.activation); }
};

// Views that somebody else owns.
struct ChannelScaleWeights {
  ConstTensorView gain = {};  // [dim], f32
};

// What the weights are called in checkpoints, below the block's path. A model passes others where a family differs.
struct ChannelScaleNames {
  TensorName gain = "gamma";
};

// Error{kBadData} unless dim > 0.
void validate(const ChannelScaleSpec& spec, const Context& context);
// A pure function of the Spec and of queried facts: the same machine always gets the same bits.
ChannelScaleImplConfig default_impl_config(const ChannelScaleSpec& spec, const DeviceTraits& traits, Strategy strategy);
// Says which tensor each field is, its whole shape, and this rank's cut of it. Loader, checker and plan all go by this.
void bind_weights(ChannelScaleWeights& weights, const ChannelScaleSpec& spec, const ChannelScaleImplConfig& impl,
                  const ChannelScaleNames& names, const Context& context, WeightBinder& binder);

class ChannelScale {
 public:
  // By these names make<ChannelScale>(scope, spec) finds the block's types.
  using Spec = ChannelScaleSpec;
  using ImplConfig = ChannelScaleImplConfig;
  using Weights = ChannelScaleWeights;
  using Names = ChannelScaleNames;

  ChannelScale(const ChannelScaleSpec& spec, const ChannelScaleWeights& weights, const ChannelScaleImplConfig& impl,
               const Context& context);

  // x, y: [rows, dim], f32. y may be x.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const;

 private:
  // All that the block remembers. Neither Spec nor ImplConfig: forward has nothing left to decide.
  struct Plan {
    Place place;
    std::int64_t dim;
    ConstTensorView gain;  // [dim]
    kernels::ChannelScaleFn kernel;
  } plan_;

  static Plan make_plan(const ChannelScaleSpec& spec, const ChannelScaleWeights& weights,
                        const ChannelScaleImplConfig& impl, const Context& context);
};

}  // namespace ttt
