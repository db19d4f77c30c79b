#include "kernels/activation/xielu.h"

namespace ttt::kernels {

namespace sse2 {
void xielu(Exec&, const XieluArgs&) noexcept;
}
namespace avx2 {
void xielu(Exec&, const XieluArgs&) noexcept;
}
namespace avx512 {
void xielu(Exec&, const XieluArgs&) noexcept;
}
namespace reference {
void xielu(Exec&, const XieluArgs&) noexcept;
}

XieluFn select_xielu(const DeviceTraits& traits, bool reference) {
  if (reference) return reference::xielu;
  if (traits.isa >= IsaLevel::kAvx512) return avx512::xielu;
  return traits.isa >= IsaLevel::kAvx2 ? avx2::xielu : sse2::xielu;
}

double operations(const XieluArgs& args) { return 12.0 * static_cast<double>(args.x.shape.elements()); }
double bytes(const XieluArgs& args) { return 8.0 * static_cast<double>(args.x.shape.elements()); }

}  // namespace ttt::kernels
