#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/traits.h"

namespace ttt {

// Element-wise functions of feed-forward blocks; names as `hidden_act` spells them.
enum class Activation : std::uint8_t {
  kIdentity,
  kRelu,       // max(x, 0)
  kRelu2,      // max(x, 0)^2
  kGelu,       // x * Phi(x), by erf
  kGeluTanh,   // x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
  kQuickGelu,  // x * sigmoid(1.702 x)
  kSilu,       // x * sigmoid(x)
  kSigmoid,
  kTanh,
};
std::string_view name_of(Activation activation);
std::optional<Activation> activation_named(std::string_view name);

namespace kernels {

// Numbers of a parametrised activation; unused ones are ignored.
struct ActivationParams {
  float limit = 0, alpha = 0;
};

// values[i] = f(values[i]) for i in [0, n).
using ActivationFn = void (*)(float* values, std::int64_t n, const ActivationParams& params) noexcept;

struct ActivationKernels {
  ActivationFn relu, relu2, gelu, gelu_tanh, quick_gelu, silu, sigmoid, tanh;
};

// Null for kIdentity, for which callers leave the values unchanged; never null otherwise. reference: in double
// precision through the C library, rounded once.
ActivationFn select_activation(const DeviceTraits& traits, Activation activation, bool reference = false);

}  // namespace kernels
}  // namespace ttt
