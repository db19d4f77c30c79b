#include "kernels/activation/activation.h"

#include <array>

#include "base/enum_names.h"
#include "base/error.h"
#include "kernels/at_level.h"

namespace ttt {
namespace {

// In the order of Activation.
constexpr EnumNames<9> kNames{"identity",   "relu", "relu2",   "gelu", "gelu_tanh",
                              "quick_gelu", "silu", "sigmoid", "tanh"};

struct Spelling {
  std::string_view name;
  Activation activation;
};
// What checkpoints call them besides.
constexpr std::array<Spelling, 8> kSpellings{{{"linear", Activation::kIdentity},
                                              {"relu_squared", Activation::kRelu2},
                                              {"gelu_new", Activation::kGeluTanh},
                                              {"gelu_fast", Activation::kGeluTanh},
                                              {"gelu_pytorch_tanh", Activation::kGeluTanh},
                                              {"gelu_python", Activation::kGelu},
                                              {"swish", Activation::kSilu},
                                              {"quick-gelu", Activation::kQuickGelu}}};

}  // namespace

std::string_view name_of(Activation activation) { return name_in(kNames, activation); }

std::optional<Activation> activation_named(std::string_view name) {
  if (const auto own = value_in<Activation>(kNames, name)) return own;
  for (const Spelling& s : kSpellings) {
    if (s.name == name) return s.activation;
  }
  return std::nullopt;
}

namespace kernels {

ActivationFn select_activation(const DeviceTraits& traits, Activation activation, bool reference) {
  const ActivationKernels& t = at_level<ActivationKernels>(traits, reference);
  switch (activation) {
    case Activation::kIdentity:
      return nullptr;
    case Activation::kRelu:
      return t.relu;
    case Activation::kRelu2:
      return t.relu2;
    case Activation::kGelu:
      return t.gelu;
    case Activation::kGeluTanh:
      return t.gelu_tanh;
    case Activation::kQuickGelu:
      return t.quick_gelu;
    case Activation::kSilu:
      return t.silu;
    case Activation::kSigmoid:
      return t.sigmoid;
    case Activation::kTanh:
      return t.tanh;
  }
  fail(ErrorKind::kInternal, text("no activation has the number ", static_cast<int>(activation)));
}

}  // namespace kernels
}  // namespace ttt
