#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/activation/gate.h"
#include "linear/linear.h"
#include "linear/reduced_linear.h"

namespace ttt {

// y = down(activation(gate(x)) * up(x)), each of gate, up, down a matrix product with an optional bias
//
// Clamped: y = down(g * sigmoid(alpha * g) * (u + up_offset)), g = min(gate(x), limit), u = up(x) clamped to
// [-limit, limit]
//
// Shazeer, "GLU Variants Improve Transformer", 2020. Over ranks ffn_dim is cut in units of 32.

struct GateClamp {
  float limit = 7.0f;
  float alpha = 1.702f;
  float up_offset = 1.0f;

  bool operator==(const GateClamp&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("limit", self.limit);
    visit("alpha", self.alpha);
    visit("up_offset", self.up_offset);
  }
};

struct GatedMLPSpec {
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  Activation activation = Activation::kSilu;
  bool bias = false;                    // on all three
  std::optional<GateClamp> clamp = {};  // with silu only

  bool operator==(const GatedMLPSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("ffn_dim", self.ffn_dim);
    visit("activation", self.activation);
    visit("bias", self.bias);
    visit("clamp", self.clamp);
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

// gate and up stored as one tensor [2 * ffn_dim, hidden_dim]: gate's rows first, or alternating rows.
GatedMLPNames fused_gate_up(std::int64_t ffn_dim, const std::string& weight = "gate_up_proj.weight",
                            const std::string& bias = "gate_up_proj.bias");
GatedMLPNames interleaved_gate_up(std::int64_t ffn_dim, const std::string& weight = "gate_up_proj.weight",
                                  const std::string& bias = "gate_up_proj.bias");

void validate(const GatedMLPSpec& spec, const Context& context);
// As default_linear_config; kReference computes the gate in double precision too.
GatedMLPImplConfig default_impl_config(const GatedMLPSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(GatedMLPWeights& weights, const GatedMLPSpec& spec, const GatedMLPImplConfig& impl,
                  const GatedMLPNames& names, const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, hidden_dim], f32; y may be x.
class GatedMLP : public BlockForward<GatedMLP, ConstTensorView> {
 public:
  using Spec = GatedMLPSpec;
  using ImplConfig = GatedMLPImplConfig;
  using Weights = GatedMLPWeights;
  using Names = GatedMLPNames;

  GatedMLP(const GatedMLPSpec& spec, const GatedMLPWeights& weights, const GatedMLPImplConfig& impl,
           const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    Place place;
    std::int64_t hidden_dim, ffn;  // ffn: this rank's part
    kernels::GateFn gate;
    kernels::ActivationFn activate;
    kernels::ActivationParams params;
    float up_offset;
    Linear gate_up;
    ReducedLinear down;
  } plan_;

  static Plan make_plan(const GatedMLPSpec& spec, const GatedMLPWeights& w, const GatedMLPImplConfig& impl,
                        const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
  TensorView hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const;
};

}  // namespace ttt
