#pragma once

#include <cstdint>
#include <optional>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "kernels/gate.h"
#include "linear/linear.h"
#include "linear/reduced_linear.h"

namespace ttt {

// y = down(activation(gate(x)) * up(x)), each of gate, up, down a matrix product with an optional bias
//
// Shazeer, "GLU Variants Improve Transformer", 2020. Over ranks ffn_dim is cut in units of 32.

struct GatedMLPSpec {
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  Activation activation = Activation::kSilu;
  bool bias = false;  // on all three

  bool operator==(const GatedMLPSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("ffn_dim", self.ffn_dim);
    visit("activation", self.activation);
    visit("bias", self.bias);
  }
};

// The named variants of Shazeer's paper.
GatedMLPSpec SwiGLU(std::int64_t hidden_dim, std::int64_t ffn_dim);  // silu
GatedMLPSpec GeGLU(std::int64_t hidden_dim, std::int64_t ffn_dim);   // gelu, by erf
GatedMLPSpec ReGLU(std::int64_t hidden_dim, std::int64_t ffn_dim);   // relu

struct GatedMLPImplConfig {
  std::optional<Format> gate = {}, up = {}, down = {};  // formats of the weights; absent: as stored
  LinearImplConfig linear = {};

  bool operator==(const GatedMLPImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("gate", self.gate);
    visit("up", self.up);
    visit("down", self.down);
    visit("linear", self.linear);
  }
};
void set_weight_format(GatedMLPImplConfig& impl, Format format);

// ffn is this rank's part of ffn_dim.
struct GatedMLPWeights {
  ConstTensorView gate = {}, up = {};            // [ffn, hidden_dim]
  ConstTensorView down = {};                     // [hidden_dim, ffn]
  ConstTensorView gate_bias = {}, up_bias = {};  // [ffn], f32; absent without bias
  ConstTensorView down_bias = {};                // [hidden_dim], f32; absent without bias
};

struct GatedMLPNames {
  TensorName gate = "gate_proj.weight", up = "up_proj.weight", down = "down_proj.weight";
  TensorName gate_bias = "gate_proj.bias", up_bias = "up_proj.bias", down_bias = "down_proj.bias";
};

void validate(const GatedMLPSpec& spec, const Context& context);
GatedMLPImplConfig default_impl_config(const GatedMLPSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(GatedMLPWeights& weights, const GatedMLPSpec& spec, const GatedMLPImplConfig& impl,
                  const GatedMLPNames& names, const Context& context, WeightBinder& binder);

class GatedMLP {
 public:
  using Spec = GatedMLPSpec;
  using ImplConfig = GatedMLPImplConfig;
  using Weights = GatedMLPWeights;
  using Names = GatedMLPNames;

  GatedMLP(const GatedMLPSpec& spec, const GatedMLPWeights& weights, const GatedMLPImplConfig& impl,
           const Context& context);

  // x, y: [rows, hidden_dim], f32. y may be x in forward.
  void forward(Exec& exec, ConstTensorView x, TensorView y) const;
  void forward_add(Exec& exec, ConstTensorView x, TensorView y) const;  // y += mlp(x)

 private:
  struct Plan {
    Place place;
    std::int64_t hidden_dim, ffn;  // ffn: this rank's part
    kernels::GateFn gate;
    kernels::ActivationFn activate;
    Linear gate_up;
    ReducedLinear down;
  } plan_;

  TensorView hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const;
};

}  // namespace ttt
