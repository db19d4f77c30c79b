#pragma once

#include "base/exec.h"
#include "base/tensor.h"
#include "kernels/activation/activation.h"

namespace ttt::kernels {

// y = activate(gate) * up, element by element; y may be up. `gate` is overwritten.
//
// Clamped: g = min(gate, limit), u = min(max(up, -limit), limit), y = g * sigmoid(alpha * g) * (u + up_offset).
struct GateArgs {
  TensorView gate = {};             // [rows, dim], f32
  ConstTensorView up = {};          // [rows, dim], f32
  TensorView y = {};                // [rows, dim], f32
  ActivationFn activate = nullptr;  // null: identity
  ActivationParams params = {};     // clamped: limit and alpha
  float up_offset = 0;              // clamped only
};
using GateFn = void (*)(Exec&, const GateArgs&) noexcept;
struct GateKernels {
  GateFn gate, clamped_gate;
};

// reference: in double precision.
GateFn select_gate(const DeviceTraits& traits, bool reference = false);
GateFn select_clamped_gate(const DeviceTraits& traits, bool reference = false);

double operations(const GateArgs& args);
double bytes(const GateArgs& args);

}  // namespace ttt::kernels
