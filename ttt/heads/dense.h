#pragma once

#include <cstdint>
#include <optional>

#include "base/context.h"
#include "base/exec.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/activation/activation.h"
#include "linear/gathered_linear.h"

namespace ttt {

// y = activation(x w^T + bias): one dense layer, as the heads of encoders and of classifiers have
//
// Over ranks the outputs are cut into parts of any size, and every rank receives all of them.

struct DenseSpec {
  std::int64_t input_dim = 0, output_dim = 0;
  Activation activation = Activation::kIdentity;
  bool bias = true;

  bool operator==(const DenseSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("input_dim", self.input_dim);
    visit("output_dim", self.output_dim);
    visit("activation", self.activation);
    visit("bias", self.bias);
  }
};

struct DenseImplConfig {
  std::optional<Format> weight = {};  // absent: as stored
  LinearImplConfig linear = {};

  bool operator==(const DenseImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("weight", self.weight);
    visit("linear", self.linear);
  }
};
void set_weight_format(DenseImplConfig& impl, Format format);

// outputs: this rank's part of output_dim.
struct DenseWeights {
  ConstTensorView weight = {};  // [outputs, input_dim]
  ConstTensorView bias = {};    // [outputs], f32; absent without bias
};

struct DenseNames {
  TensorName weight = "weight", bias = "bias";
};

// Error{kBadData} unless both widths are positive.
void validate(const DenseSpec& spec, const Context& context);
// As default_linear_config; kReference computes the activation in double precision too.
DenseImplConfig default_impl_config(const DenseSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(DenseWeights& weights, const DenseSpec& spec, const DenseImplConfig& impl, const DenseNames& names,
                  const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x: [rows, input_dim], y: [rows, output_dim], f32; y
// may be x.
class Dense : public BlockForward<Dense, ConstTensorView> {
 public:
  using Spec = DenseSpec;
  using ImplConfig = DenseImplConfig;
  using Weights = DenseWeights;
  using Names = DenseNames;

  Dense(const DenseSpec& spec, const DenseWeights& weights, const DenseImplConfig& impl, const Context& context);

  std::int64_t output_dim() const { return plan_.output_dim; }

 private:
  friend BlockForward;
  struct Plan {
    Place place;
    std::int64_t input_dim, output_dim;
    GatheredLinear linear;
    kernels::ActivationFn activate;
  } plan_;

  static Plan make_plan(const DenseSpec& spec, const DenseWeights& weights, const DenseImplConfig& impl,
                        const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
};

}  // namespace ttt
