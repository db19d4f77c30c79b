#include "normalization/distributed.h"

#include <gtest/gtest.h>

#include "base/fields.h"
#include "collectives/threads.h"
#include "support/exec.h"

namespace ttt {
namespace {

using support::kEpsF32;

struct Case {
  std::int64_t rows, dim, ranks, unit;
  bool rms;
  DistributedStrategy strategy;
};

std::string name_case(const testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  return text(c.rms ? "rms" : "layer", "_", name_of(c.strategy), "_rows", c.rows, "_dim", c.dim, "_ranks", c.ranks,
              "_unit", c.unit);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const bool rms : {false, true}) {
    for (const DistributedStrategy s : {DistributedStrategy::kAllReduce, DistributedStrategy::kAllGather}) {
      for (std::int64_t ranks = 1; ranks <= 4; ++ranks) {
        all.push_back({3, 65, ranks, 1, rms, s});
        all.push_back({2, 96, ranks, 32, rms, s});  // four ranks: 32, 32, 32, 0
        all.push_back({9, 3, ranks, 1, rms, s});
      }
      all.push_back({0, 8, 2, 1, rms, s});
      all.push_back({1, 2048, 3, 32, rms, s});
    }
  }
  return all;
}

struct Data {
  std::vector<float> x, weight, bias;
  DistributedNormSpec spec;

  explicit Data(const Case& c)
      : x(support::normal_values(c.rows * c.dim, 1, 2.0f, 50.0f)),
        weight(support::normal_values(c.dim, 2, 0.3f, 1.0f)),
        bias(support::normal_values(c.dim, 3)) {
    if (c.rms) {
      spec.base_norm = RMSNormSpec{.dim = c.dim, .weight_offset = 1};
    } else {
      spec.base_norm = LayerNormSpec{.dim = c.dim};
    }
    spec.distributed_strategy = c.strategy;
    spec.num_devices = c.ranks;
  }

  DistributedNormWeights weights(const Case& c, const Part& part, bool whole_rows) const {
    const Part cut = c.strategy == DistributedStrategy::kAllReduce && !whole_rows ? part : Part{0, c.dim};
    return {.weight = view_of(weight.data() + cut.begin, {cut.count}),
            .bias = c.rms ? ConstTensorView{} : view_of(bias.data() + cut.begin, {cut.count})};
  }
};

// y and y += of all ranks, put together.
struct Result {
  std::vector<float> y, sum;
};

Result run(const Case& c, const Data& data, const DeviceTraits& traits, bool whole_rows = false) {
  Result all{std::vector<float>(data.x.size()), data.x};
  run_ranks(c.ranks, [&](std::int64_t rank, Communicator& communicator) {
    const Part part = part_of(c.dim, c.unit, rank, c.ranks);
    std::vector<float> x;
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const auto begin = data.x.begin() + r * c.dim + part.begin;
      x.insert(x.end(), begin, begin + part.count);
    }
    std::vector<float> y = x, sum = x;
    const DistributedNorm norm(data.spec, data.weights(c, part, whole_rows), {.unit = c.unit, .whole_rows = whole_rows},
                               {.traits = traits, .rank = rank, .ranks = c.ranks});
    support::TestExec exec(1, communicator);
    const Shape shape{c.rows, part.count};
    norm.forward(*exec, view_of(y.data(), shape), view_of(y.data(), shape));
    norm.forward_add(*exec, view_of(x.data(), shape), view_of(sum.data(), shape));
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const std::int64_t to = r * c.dim + part.begin, from = r * part.count;
      std::copy_n(y.begin() + from, part.count, all.y.begin() + to);
      std::copy_n(sum.begin() + from, part.count, all.sum.begin() + to);
    }
  });
  return all;
}

class DistributedNormLaw : public testing::TestWithParam<Case> {};

TEST_P(DistributedNormLaw, EqualsTheNormOfOneDevice) {
  const Case c = GetParam();
  const Data data(c);
  for (const DeviceTraits& traits : support::levels()) {
    const Result got = run(c, data, traits);
    for (std::int64_t r = 0; r < c.rows; ++r) {
      const reference::Row x = support::row_of(data.x, r, c.dim);
      const reference::Row want =
          c.rms ? reference::rms_norm(x, support::doubles(data.weight), 1e-5f, 1)
                : reference::layer_norm(x, support::doubles(data.weight), support::doubles(data.bias), 1e-5f);
      for (std::int64_t i = 0; i < c.dim; ++i) {
        const auto at = static_cast<std::size_t>(r * c.dim + i);
        const double v = want[static_cast<std::size_t>(i)];
        // Inputs lie 25 deviations (three values: perhaps far more) from zero, and are rounded there.
        const double tolerance = kEpsF32 * (4 * std::sqrt(static_cast<double>(c.dim)) * (std::abs(v) + 1) + 200);
        ASSERT_NEAR(got.y[at], v, tolerance) << name_of(traits.isa()) << " row " << r << " column " << i;
        ASSERT_NEAR(got.sum[at], v + static_cast<double>(data.x[at]), tolerance + 2 * kEpsF32 * std::abs(data.x[at]));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Splits, DistributedNormLaw, testing::ValuesIn(cases()), name_case);

TEST(DistributedNorm, GatheredIsBitwiseWhatOneDeviceGives) {
  const Case c{5, 65, 3, 1, false, DistributedStrategy::kAllGather};
  const Data data(c);
  const LayerNorm alone(std::get<LayerNormSpec>(data.spec.base_norm),
                        {.weight = view_of(data.weight.data(), {c.dim}), .bias = view_of(data.bias.data(), {c.dim})},
                        {}, {.traits = query_device_traits()});
  std::vector<float> y(data.x.size());
  support::TestExec exec(1);
  alone.forward(*exec, view_of(data.x.data(), {c.rows, c.dim}), view_of(y.data(), {c.rows, c.dim}));
  EXPECT_EQ(run(c, data, query_device_traits()).y, y);
}

// As kInvariant asks for: the strategy may say all_reduce, and still no sum depends on the ranks.
TEST(DistributedNorm, InvariantIsBitwiseWhatOneDeviceGives) {
  for (const bool rms : {false, true}) {
    const Case one{5, 65, 1, 1, rms, DistributedStrategy::kAllReduce};
    std::vector<float> want;
    for (std::int64_t ranks = 1; ranks <= 4; ++ranks) {
      Case c = one;
      c.ranks = ranks;
      const Data data(c);
      const DistributedNormImplConfig impl =
          default_impl_config(data.spec, query_device_traits(), Strategy::kInvariant);
      EXPECT_TRUE(impl.whole_rows);
      const std::vector<float> y = run(c, data, query_device_traits(), impl.whole_rows).y;
      if (ranks == 1) want = y;
      EXPECT_EQ(y, want) << ranks << " ranks";
    }
  }
}

// Parts whose means lie far apart: the distance between them is most of the variance.
TEST(DistributedNorm, CombinesPartsWithDistantMeans) {
  for (const std::int64_t ranks : {2, 3, 4}) {
    const Case c{1, 64, ranks, 1, false, DistributedStrategy::kAllReduce};
    Data data(c);
    for (std::size_t i = 0; i < data.x.size(); ++i) data.x[i] += i < 32 ? 1e4f : -3e4f;
    const reference::Row want = reference::layer_norm(support::row_of(data.x, 0, c.dim), support::doubles(data.weight),
                                                      support::doubles(data.bias), 1e-5f);
    const Result got = run(c, data, query_device_traits());
    for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got.y[i], want[i], 32 * kEpsF32);
  }
}

void expect_error(const DistributedNormSpec& spec, const DistributedNormWeights& weights, std::int64_t unit,
                  std::int64_t ranks, const std::string& message) {
  try {
    const DistributedNorm norm(spec, weights, {.unit = unit}, {.ranks = ranks});
    FAIL() << "wanted: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.what(), message);
  }
}

TEST(DistributedNorm, RefusesBadSpecsAndShapes) {
  const std::vector<float> w(8, 1.0f);
  const DistributedNormWeights whole{.weight = view_of(w.data(), {8})}, half{.weight = view_of(w.data(), {4})};
  DistributedNormSpec spec{.base_norm = RMSNormSpec{.dim = 8}, .num_devices = 2};
  expect_error(spec, half, 1, 3, "[DistributedNorm] num_devices wanted the number of ranks, 3, got 2");
  expect_error(spec, whole, 1, 2, "[] weight wanted [4], got [8]");
  expect_error(spec, half, 0, 2, "[DistributedNorm] unit wanted a positive number, got 0");
  spec.distributed_strategy = static_cast<DistributedStrategy>(7);
  expect_error(spec, half, 1, 2,
               "[DistributedNorm] distributed_strategy wanted all_reduce or all_gather, got number 7");
  spec.distributed_strategy = DistributedStrategy::kAllGather;
  expect_error(spec, half, 1, 2, "[] weight wanted [8], got [4]");
  spec.base_norm = RMSNormSpec{.dim = 0};
  expect_error(spec, half, 1, 2, "[RMSNorm] dim wanted a positive number, got 0");
  const DistributedNorm norm({.base_norm = RMSNormSpec{.dim = 8}}, whole, {}, {});
  support::TestExec exec;
  std::vector<float> x(24);
  const TensorView wide = view_of(x.data(), {2, 12});
  EXPECT_THROW(norm.forward(*exec, wide, wide), Error);
  EXPECT_THROW(norm.forward(*exec, columns_of(wide, 0, 8), columns_of(wide, 0, 8)), Error);  // rows not back to back
}

TEST(DistributedNorm, SpecGoesThroughJson) {
  const DistributedNormSpec spec{.base_norm = LayerNormSpec{.dim = 7, .bias = false},
                                 .distributed_strategy = DistributedStrategy::kAllGather,
                                 .num_devices = 3};
  DistributedNormSpec read;
  from_json(read, to_json(spec), "spec");
  EXPECT_EQ(read, spec);
}

}  // namespace
}  // namespace ttt
