#pragma once

#include <cstdint>
#include <string_view>

#include "base/context.h"
#include "base/exec.h"
#include "base/step.h"
#include "base/weights.h"
#include "kernels/rows/pool_rows.h"

namespace ttt {

// y[s, :] = p / max(|p|, eps) or, not normalised, p; p of sequence s is
//     mean    the mean of its rows
//     cls     its first row
//     last    its last row
//
// Every rank holds all of x and computes the same y.

enum class PoolingKind : std::uint8_t { kMean, kCls, kLast };
std::string_view name_of(PoolingKind kind);  // "mean", "cls", "last"

struct PoolingSpec {
  std::int64_t hidden_dim = 0;
  PoolingKind kind = PoolingKind::kMean;
  bool normalize = false;  // to length 1
  float eps = 1e-12f;

  bool operator==(const PoolingSpec&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("hidden_dim", self.hidden_dim);
    visit("kind", self.kind);
    visit("normalize", self.normalize);
    visit("eps", self.eps);
  }
};

struct PoolingImplConfig {
  bool operator==(const PoolingImplConfig&) const = default;
  static void visit_fields(auto&, auto&&) {}
};

struct PoolingWeights {};
struct PoolingNames {};

void validate(const PoolingSpec& spec, const Context& context);
PoolingImplConfig default_impl_config(const PoolingSpec& spec, const DeviceTraits& traits, Strategy strategy);
void bind_weights(PoolingWeights& weights, const PoolingSpec& spec, const PoolingImplConfig& impl,
                  const PoolingNames& names, const Context& context, WeightBinder& binder);

class Pooling {
 public:
  using Spec = PoolingSpec;
  using ImplConfig = PoolingImplConfig;
  using Weights = PoolingWeights;
  using Names = PoolingNames;

  Pooling(const PoolingSpec& spec, const PoolingWeights& weights, const PoolingImplConfig& impl,
          const Context& context);

  // x: [rows, hidden_dim], f32, the rows of `batch`; y: [seqs, hidden_dim], f32. Every sequence has a row in the step.
  // Mean and cls need whole sequences in one step: Error{kUsage} naming the first that has rows from earlier steps.
  void forward(Exec& exec, ConstTensorView x, const BatchView& batch, TensorView y) const;

 private:
  struct Plan {
    Place place;
    std::int64_t hidden_dim;
    std::int64_t stored;  // rows of a sequence that may lie in earlier steps, at most
    float eps;
    kernels::PoolRowsFn pool;
    kernels::NormalizeRowsFn normalize;
  } plan_{};
};

}  // namespace ttt
