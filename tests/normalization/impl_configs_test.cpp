// The law of ImplConfigs for norms: the vector kernels and the double-precision ones differ by rounding.

#include <gtest/gtest.h>

#include "normalization/distributed.h"
#include "normalization/layernorm.h"
#include "normalization/rmsnorm.h"
#include "support/exec.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

constexpr std::int64_t kRows = 9;

template <class Block>
void expect_agreement(const typename Block::Spec& spec, const typename Block::Weights& weights, std::int64_t dim) {
  const std::vector<float> x = support::normal_values(kRows * dim, 3, 2.0f, 1.0f);
  const auto run = [&](Strategy strategy, const DeviceTraits& traits) {
    const auto impl = default_impl_config(spec, traits, strategy);
    EXPECT_EQ(impl.reference, strategy == Strategy::kReference);
    const Block block(spec, weights, impl, {.traits = traits});
    support::TestExec exec;
    std::vector<float> y = x;
    block.forward(*exec, view_of(x.data(), {kRows, dim}), view_of(y.data(), {kRows, dim}));
    block.forward_add(*exec, view_of(x.data(), {kRows, dim}), view_of(y.data(), {kRows, dim}));
    return y;
  };
  const std::vector<float> exact = run(Strategy::kReference, {});
  for (const DeviceTraits& traits : support::levels()) {
    EXPECT_LT(max_relative_error(exact, run(Strategy::kDefault, traits)),
              4 * support::kEpsF32 * std::sqrt(static_cast<double>(dim)))
        << dim << " " << name_of(traits.isa());
  }
}

TEST(ImplConfigs, NormsAgree) {
  for (const std::int64_t dim : {1, 3, 7, 8, 9, 64, 65, 576}) {
    const std::vector<float> w = support::normal_values(dim, 1), b = support::normal_values(dim, 2);
    const ConstTensorView weight = view_of(w.data(), {dim}), bias = view_of(b.data(), {dim});
    expect_agreement<RMSNorm>({.dim = dim, .weight_offset = 1}, {.weight = weight}, dim);
    expect_agreement<LayerNorm>({.dim = dim}, {.weight = weight, .bias = bias}, dim);
    expect_agreement<LayerNorm>({.dim = dim, .weight_offset = 1}, {.weight = weight, .bias = bias}, dim);
    for (const DistributedStrategy how : {DistributedStrategy::kAllReduce, DistributedStrategy::kAllGather}) {
      expect_agreement<DistributedNorm>({.base_norm = RMSNormSpec{.dim = dim}, .distributed_strategy = how},
                                        {.weight = weight}, dim);
      expect_agreement<DistributedNorm>({.base_norm = LayerNormSpec{.dim = dim}, .distributed_strategy = how},
                                        {.weight = weight, .bias = bias}, dim);
    }
  }
}

}  // namespace
}  // namespace ttt
