#pragma once

#include <cstdint>
#include <optional>

#include "base/context.h"
#include "base/exec.h"
#include "base/partition.h"
#include "base/weights.h"
#include "block/forward.h"
#include "kernels/activation/xielu.h"
#include "linear/linear.h"
#include "linear/reduced_linear.h"

namespace ttt {

// y = down(activation(up(x))), up and down matrix products with an optional bias
//
// Over ranks ffn_dim is cut in units of 32.

// Huang and Schlag, "Deriving Activation Functions Using Integration", 2024: two learned numbers shape the function;
// kernels/activation/xielu.h has the formula.
struct XieluSpec {
  float beta = 0.5f;
  float eps = -1e-6f;

  bool operator==(const XieluSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("beta", self.beta);
    visit("eps", self.eps);
  }
};

struct MLPSpec {
  std::int64_t hidden_dim = 0, ffn_dim = 0;
  Activation activation = Activation::kGelu;
  std::optional<XieluSpec> xielu = {};  // in place of `activation`
  bool bias = false;                    // on both

  bool operator==(const MLPSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("ffn_dim", self.ffn_dim);
    visit("activation", self.activation);
    visit("xielu", self.xielu);
    visit("bias", self.bias);
  }
};

struct MLPImplConfig {
  std::optional<Format> up = {}, down = {};  // formats of the weights; absent: as stored
  LinearImplConfig linear = {};

  bool operator==(const MLPImplConfig&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("up", self.up);
    visit("down", self.down);
    visit("linear", self.linear);
  }
};
void set_weight_format(MLPImplConfig& impl, Format format);

// ffn is this rank's part of ffn_dim.
struct MLPWeights {
  ConstTensorView up = {};                     // [ffn, hidden_dim]
  ConstTensorView down = {};                   // [hidden_dim, ffn]
  ConstTensorView up_bias = {};                // [ffn], f32; absent without bias
  ConstTensorView down_bias = {};              // [hidden_dim], f32; absent without bias
  ConstTensorView alpha_p = {}, alpha_n = {};  // [1], f32; xielu only
};

struct MLPNames {
  TensorName up = "up_proj.weight", down = "down_proj.weight";
  TensorName up_bias = "up_proj.bias", down_bias = "down_proj.bias";
  TensorName alpha_p = "act_fn.alpha_p", alpha_n = "act_fn.alpha_n";
};

void validate(const MLPSpec& spec, const Context& context);
// As default_linear_config; kReference computes the activation in double precision too.
MLPImplConfig default_impl_config(const MLPSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(MLPWeights& weights, const MLPSpec& spec, const MLPImplConfig& impl, const MLPNames& names,
                  const Context& context, WeightBinder& binder);

// forward, forward_add and forward_add_scaled are BlockForward's. x, y: [rows, hidden_dim], f32; y may be x.
class MLP : public BlockForward<MLP, ConstTensorView> {
 public:
  using Spec = MLPSpec;
  using ImplConfig = MLPImplConfig;
  using Weights = MLPWeights;
  using Names = MLPNames;

  MLP(const MLPSpec& spec, const MLPWeights& weights, const MLPImplConfig& impl, const Context& context);

 private:
  friend BlockForward;
  struct Plan {
    using XieluStepFn = void (*)(const Plan&, Exec&, TensorView hidden);
    Place place;
    std::int64_t hidden_dim, ffn;  // ffn: this rank's part
    kernels::ActivationFn activate;
    XieluStepFn xielu_step;  // with another activation it does nothing
    kernels::XieluFn xielu;
    ConstTensorView alpha_p, alpha_n;
    float beta, eps;
    Linear up;
    ReducedLinear down;
  } plan_;

  static Plan make_plan(const MLPSpec& spec, const MLPWeights& w, const MLPImplConfig& impl, const Context& context);
  void check(ConstTensorView x, TensorView y) const;
  void compute(Exec& exec, ConstTensorView x, const BlockOutput& out) const;
  TensorView hidden(Exec& exec, Scratch::Frame& frame, ConstTensorView x) const;
  static void skip_xielu(const Plan& plan, Exec& exec, TensorView hidden);
  static void apply_xielu(const Plan& plan, Exec& exec, TensorView hidden);
};

}  // namespace ttt
