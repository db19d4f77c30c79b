#include "kernels/matmul/matmul_grouped.h"

#include "base/error.h"
#include "kernels/at_level.h"

namespace ttt::kernels {

const MatmulKernel& select_grouped_matmul(const DeviceTraits& traits, Format weight, ActivationForm form) {
  require(is_grouped(weight), ErrorKind::kUnsupported, "grouped matrix product wanted a grouped weight, got ",
          name_of(weight));
  require(form != ActivationForm::kBF16, ErrorKind::kUnsupported, "matrix product of ", name_of(weight),
          " weights wanted activations in int8 or f32, got bf16");
  const int format = static_cast<int>(weight) - static_cast<int>(Format::kQ4_0);
  return form == ActivationForm::kInt8 ? at_level<GroupedKernels>(traits).int8[format]
                                       : at_level<GroupedF32Kernels>(traits).f32[format];
}

}  // namespace ttt::kernels
