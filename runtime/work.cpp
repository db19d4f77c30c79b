#include "runtime/work.h"

#include <algorithm>
#include <cmath>

#include "linear/default_config.h"

namespace ttt {

using kernels::ActivationForm;

namespace {

double nominal_bytes(const BoundWeight& w) {
  return traits_of(w.format).nominal_bits / 8 * static_cast<double>(w.shape.elements());
}

// The matrices of a block's routed experts, and the share of them that a step reads. Weights are bound in this order:
// the router, the experts, then what every row passes through.
struct ExpertMatrices {
  std::int64_t begin = 0, end = 0;  // in the order of the block's matrices
  double share = 1;
};

ExpertMatrices experts_of(const BlockRecord& b, std::int64_t rows) {
  const Json* routed = b.spec.find("num_experts");
  const Json* router = b.spec.find("router");
  if (routed == nullptr || router == nullptr) return {};
  const auto part = [&](const char* key) { return b.spec.find(key) != nullptr && b.spec.find(key)->is_object(); };
  const Json* gate = b.spec.find("shared_gate");
  const bool gated = gate != nullptr && gate->is_bool() && gate->as_bool("shared_gate");
  const std::int64_t unrouted = (part("shared") ? 3 : 0) + (gated ? 1 : 0) + (part("dense") ? 3 : 0);
  const std::int64_t matrices =
      std::ranges::count_if(b.weights, [](const BoundWeight& w) { return w.use == WeightUse::kMatrix; });
  const Json* identity = b.spec.find("identity_experts");
  const double all = static_cast<double>(routed->as_integer("num_experts") +
                                         (identity == nullptr ? 0 : identity->as_integer("identity_experts")));
  const double chosen = static_cast<double>(router->at("top_k", "router").as_integer("top_k"));
  return {.begin = 1,
          .end = matrices - unrouted,
          .share = 1 - std::pow(1 - std::min(chosen / all, 1.0), static_cast<double>(rows))};
}

}  // namespace

double step_bytes(const ModelTree& tree, std::int64_t rows, std::int64_t sequences, std::int64_t length) {
  double bytes = 0;
  for (const BlockRecord& b : tree.blocks) {
    const ExpertMatrices experts = experts_of(b, rows);
    std::int64_t index = 0;
    for (const BoundWeight& w : b.weights) {
      if (w.use != WeightUse::kMatrix) continue;
      bytes += nominal_bytes(w) * (index >= experts.begin && index < experts.end ? experts.share : 1.0);
      ++index;
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

double decode_bytes(const ModelTree& tree, std::int64_t sequences, std::int64_t length) {
  return step_bytes(tree, sequences, sequences, length);
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
