#include "linear/default_config.h"

namespace ttt {

LinearImplConfig default_linear_config(const DeviceTraits&, Strategy strategy) {
  LinearImplConfig config;
  if (strategy == Strategy::kAccuracy || strategy == Strategy::kReference) {
    config.activation = kernels::ActivationForm::kF32;
  }
  config.one_kernel = strategy == Strategy::kInvariant;
  config.reference = strategy == Strategy::kReference;
  return config;
}

}  // namespace ttt
