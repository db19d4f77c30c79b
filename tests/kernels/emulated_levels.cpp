#include "kernels/emulated_levels.h"

#include "support/levels.h"

namespace ttt::support {

std::vector<EmulatedLevel> emulated_levels() {
  using namespace kernels;
  std::vector<EmulatedLevel> levels{{"amx_emulated", IsaLevel::kSse2, kernels_of<DenseKernels, amx_emulated::Level>(),
                                     kernels_of<GroupedKernels, amx_emulated::Level>()}};
  if (query_device_traits().features.contains(features_of(IsaLevel::kAvx512Bf16))) {
    levels.push_back({"amx_emulated_avx512", IsaLevel::kAvx512Bf16,
                      kernels_of<DenseKernels, amx_emulated_avx512::Level>(),
                      kernels_of<GroupedKernels, amx_emulated_avx512::Level>()});
  }
  return levels;
}

namespace {
[[maybe_unused]] const std::string& named = emulated_names() += " amx";
}  // namespace

}  // namespace ttt::support
