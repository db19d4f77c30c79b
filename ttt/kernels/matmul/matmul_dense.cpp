#include "base/error.h"
#include "kernels/matmul/cpu/dense_table.h"
#include "kernels/matmul/matmul.h"

namespace ttt::kernels {

namespace sse2 {
extern const DenseKernels kDenseKernels;
}
namespace avx2 {
extern const DenseKernels kDenseKernels;
}
namespace avx512 {
extern const DenseKernels kDenseKernels;
}
namespace avx512_bf16 {
extern const DenseKernels kDenseKernels;
}

namespace {

// From here on a panel of 16 rows is full. Below, dot products are faster: 6 rows of 480 x 2048 in bf16 take 0.09 ms on
// one Sapphire Rapids class core, one panel 0.25 ms however few rows it holds.
constexpr std::int64_t kManyRows = 16;

const DenseKernels& kernels_at(IsaLevel isa) {
  switch (isa) {
    case IsaLevel::kSse2:
      return sse2::kDenseKernels;
    case IsaLevel::kAvx2:
      return avx2::kDenseKernels;
    case IsaLevel::kAvx512:
    case IsaLevel::kAvx512Vnni:
      return avx512::kDenseKernels;
    case IsaLevel::kAvx512Bf16:
      return avx512_bf16::kDenseKernels;
  }
  return sse2::kDenseKernels;
}

MatmulKernel find(const DenseKernels& k, Format weight, ActivationForm form, bool many) {
  if (form == ActivationForm::kF32) {
    if (weight == Format::kF32) return many ? k.many_f32 : k.few_f32;
    if (weight == Format::kBF16) return many ? k.many_bf16 : k.few_bf16;
    if (weight == Format::kF16) return many ? k.many_f16 : k.few_f16;
  }
  if (form == ActivationForm::kBF16 && weight == Format::kBF16) return many ? k.many_bf16_bf16 : k.few_bf16_bf16;
  return {};
}

}  // namespace

MatmulKernel select_dense_matmul(const DeviceTraits& traits, Format weight, ActivationForm form, std::int64_t rows) {
  const MatmulKernel kernel = find(kernels_at(traits.isa), weight, form, rows >= kManyRows);
  require(kernel.tile != nullptr, ErrorKind::kUnsupported, "matrix product of ", name_of(weight),
          " weights with activations in ", name_of(form), " is not built for ", name_of(traits.isa));
  return kernel;
}

bool bf16_dots_pay(const DeviceTraits& traits) {
  if (traits.isa < IsaLevel::kAvx512Bf16) return false;
  // Zen 4 issues one bf16 dot a cycle, twice its f32 rate. Cores with AMX leave bf16 to their tiles and issue one dot
  // in two cycles, half their f32 rate (measured on a Sapphire Rapids class core: 108 against 216 Gop/s).
  __builtin_cpu_init();
  return !__builtin_cpu_supports("amx-bf16");
}

}  // namespace ttt::kernels
