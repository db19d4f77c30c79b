#include "kernels/matmul/matmul_dense.h"

#include "kernels/matmul/cpu/dense_few.h"
#include "kernels/matmul/cpu/dense_panels.h"
#include "kernels/matmul/cpu/dense_tiles.h"

namespace ttt::kernels::TTT_LEVEL {
namespace {

template <class Dot>
constexpr MatmulKernel few(ActivationForm form, std::string_view name) {
  return {form, false, kFewUnit, few_tile<Dot>, name};
}
template <class Panel>
constexpr MatmulKernel many(ActivationForm form, std::string_view name) {
  return {form, true, kManyUnit, many_tile<Panel>, name};
}

constexpr ActivationForm kF32 = ActivationForm::kF32;
#if defined(__AVX512BF16__)
constexpr MatmulKernel kFewBf16 = few<DotBf16>(ActivationForm::kBF16, TTT_KERNEL_NAME("dense_bf16_bf16_few"));
#else
constexpr MatmulKernel kFewBf16;
#endif
#if defined(TTT_TILES)
constexpr MatmulKernel kManyBf16{ActivationForm::kBF16, true, kTileUnit, tile_bf16,
                                 TTT_KERNEL_NAME("dense_bf16_bf16_many")};
#elif defined(__AVX512BF16__)
constexpr MatmulKernel kManyBf16 = many<PanelBf16>(ActivationForm::kBF16, TTT_KERNEL_NAME("dense_bf16_bf16_many"));
#else
constexpr MatmulKernel kManyBf16;
#endif

}  // namespace
}  // namespace ttt::kernels::TTT_LEVEL

namespace ttt::kernels {
TTT_KERNELS(DenseKernels, .few_f32 = few<DotF32<StoredF32>>(kF32, TTT_KERNEL_NAME("dense_f32_few")),
            .few_bf16 = few<DotF32<StoredBf16>>(kF32, TTT_KERNEL_NAME("dense_bf16_few")),
            .few_f16 = few<DotF32<StoredF16>>(kF32, TTT_KERNEL_NAME("dense_f16_few")),
            .many_f32 = many<PanelF32<StoredF32>>(kF32, TTT_KERNEL_NAME("dense_f32_many")),
            .many_bf16 = many<PanelF32<StoredBf16>>(kF32, TTT_KERNEL_NAME("dense_bf16_many")),
            .many_f16 = many<PanelF32<StoredF16>>(kF32, TTT_KERNEL_NAME("dense_f16_many")), .few_bf16_bf16 = kFewBf16,
            .many_bf16_bf16 = kManyBf16)
}  // namespace ttt::kernels
