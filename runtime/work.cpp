#include "runtime/work.h"

#include "linear/default_config.h"

namespace ttt {

using kernels::ActivationForm;

double decode_bytes(const ModelTree& tree, std::int64_t sequences, std::int64_t length) {
  double bytes = 0;
  for (const BlockRecord& b : tree.blocks) {
    for (const BoundWeight& w : b.weights) {
      if (w.use != WeightUse::kMatrix) continue;
      bytes += traits_of(w.format).nominal_bits / 8 * static_cast<double>(w.shape.elements());
    }
  }
  for (const StateSpec& s : tree.states) {
    const StateRowBytes key = state_row_bytes(s.format, s.key_dim), value = state_row_bytes(s.format, s.value_dim);
    const std::int64_t row = s.heads * (key.data + key.scales + value.data + value.scales);
    const std::int64_t seen = s.visible.behind < length ? s.visible.behind + 1 : length;
    bytes += static_cast<double>(row) * static_cast<double>(seen) * static_cast<double>(sequences);
  }
  return bytes;
}

ActivationForm MatrixWork::main() const {
  if (int8 >= f32 && int8 >= bf16) return ActivationForm::kInt8;
  return bf16 >= f32 ? ActivationForm::kBF16 : ActivationForm::kF32;
}

MatrixWork matrix_work(const ModelTree& tree, const DeviceTraits& traits, Strategy strategy) {
  const LinearImplConfig config = default_linear_config(traits, strategy);
  MatrixWork work;
  for (const BlockRecord& b : tree.blocks) {
    for (const BoundWeight& w : b.weights) {
      if (w.use != WeightUse::kMatrix) continue;
      const ActivationForm form = config.activation.value_or(default_activation(traits, w.format));
      double& sum = form == ActivationForm::kInt8 ? work.int8 : form == ActivationForm::kBF16 ? work.bf16 : work.f32;
      sum += static_cast<double>(w.shape.elements());
    }
  }
  return work;
}

}  // namespace ttt
