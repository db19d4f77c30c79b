#include "kernels/matmul/prepare_int8.h"

namespace ttt::kernels {

namespace sse2 {
void prepare_int8(Exec& exec, const PrepareArgs& args) noexcept;
}
namespace avx2 {
void prepare_int8(Exec& exec, const PrepareArgs& args) noexcept;
}
namespace avx512 {
void prepare_int8(Exec& exec, const PrepareArgs& args) noexcept;
}

PrepareFn select_prepare_int8(const DeviceTraits& traits) {
  if (traits.isa >= IsaLevel::kAvx512) return avx512::prepare_int8;
  return traits.isa == IsaLevel::kAvx2 ? avx2::prepare_int8 : sse2::prepare_int8;
}

}  // namespace ttt::kernels
