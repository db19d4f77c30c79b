#include "kernels/matmul/matmul_dense.h"

#include "base/error.h"
#include "kernels/at_level.h"

namespace ttt::kernels {

namespace {

// Null where there is none.
const MatmulKernel* find(const DenseKernels& k, Format weight, ActivationForm form, bool many) {
  if (form == ActivationForm::kF32) {
    if (weight == Format::kF32) return many ? &k.many_f32 : &k.few_f32;
    if (weight == Format::kBF16) return many ? &k.many_bf16 : &k.few_bf16;
    if (weight == Format::kF16) return many ? &k.many_f16 : &k.few_f16;
  }
  if (form == ActivationForm::kBF16 && weight == Format::kBF16) return many ? &k.many_bf16_bf16 : &k.few_bf16_bf16;
  return nullptr;
}

}  // namespace

const MatmulKernel& select_dense_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, RowClass rows) {
  const MatmulKernel* kernel = find(at_level<DenseKernels>(traits), weight, form, rows == RowClass::kMany);
  require(kernel != nullptr && kernel->tile != nullptr, ErrorKind::kUnsupported, "matrix product of ", name_of(weight),
          " weights with activations in ", name_of(form), " is not built for ", name_of(traits.isa()));
  return *kernel;
}

bool bf16_dots_pay(const DeviceTraits& traits) {
  // Tiles multiply many rows. Few read the same weights by the dots below, which for one or two rows wait for memory.
  if (traits.features.contains(features_of(IsaLevel::kAmx))) return true;
  // One bf16 dot product a cycle is twice the f32 rate (Zen 4); one in two cycles is half of it (a Sapphire Rapids
  // class core: 108 against 216 Gop/s).
  return traits.features.has(CpuFeature::kAvx512Bf16) && !traits.slow_bf16_dots;
}

}  // namespace ttt::kernels
