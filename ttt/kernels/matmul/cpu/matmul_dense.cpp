#include "kernels/matmul/cpu/dense_few.h"
#include "kernels/matmul/cpu/dense_panels.h"
#include "kernels/matmul/cpu/dense_table.h"

#define TTT_TEXT_OF(x) #x
#define TTT_LEVEL_TEXT(x) TTT_TEXT_OF(x)
#define TTT_KERNEL_NAME(name) TTT_LEVEL_TEXT(TTT_LEVEL) "." name

namespace ttt::kernels::TTT_LEVEL {

extern const DenseKernels kDenseKernels;
constinit const DenseKernels kDenseKernels {
  .few_f32 = {ActivationForm::kF32, false, kFewUnit, few_tile<DotF32<StoredF32>>, TTT_KERNEL_NAME("dense_f32_few")},
  .few_bf16 = {ActivationForm::kF32, false, kFewUnit, few_tile<DotF32<StoredBf16>>, TTT_KERNEL_NAME("dense_bf16_few")},
  .few_f16 = {ActivationForm::kF32, false, kFewUnit, few_tile<DotF32<StoredF16>>, TTT_KERNEL_NAME("dense_f16_few")},
  .many_f32 = {ActivationForm::kF32, true, kManyUnit, many_tile<PanelF32<StoredF32>>,
               TTT_KERNEL_NAME("dense_f32_many")},
  .many_bf16 = {ActivationForm::kF32, true, kManyUnit, many_tile<PanelF32<StoredBf16>>,
                TTT_KERNEL_NAME("dense_bf16_many")},
  .many_f16 = {ActivationForm::kF32, true, kManyUnit, many_tile<PanelF32<StoredF16>>,
               TTT_KERNEL_NAME("dense_f16_many")},
#if defined(__AVX512BF16__)
  .few_bf16_bf16 = {ActivationForm::kBF16, false, kFewUnit, few_tile<DotBf16>, TTT_KERNEL_NAME("dense_bf16_bf16_few")},
  .many_bf16_bf16 = {ActivationForm::kBF16, true, kManyUnit, many_tile<PanelBf16>,
                     TTT_KERNEL_NAME("dense_bf16_bf16_many")},
#else
  .few_bf16_bf16 = {}, .many_bf16_bf16 = {},
#endif
};

}  // namespace ttt::kernels::TTT_LEVEL
