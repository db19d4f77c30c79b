// Weights made up for benchmarks: what is the same in a checkpoint is the same here, and nothing else.

#include "runtime/random_source.h"

#include <gtest/gtest.h>

namespace ttt {
namespace {

RandomSource source() { return RandomSource(Format::kF32, ParallelFor()); }

WeightRequest request(const TensorName& name, Shape shape, std::optional<Format> format = {}) {
  return {.path = "layer", .name = name, .shape = shape, .format = format};
}

class RandomParts : public testing::TestWithParam<Format> {};

TEST_P(RandomParts, OfAFusedTensorHaveTheirOwnExtents) {
  RandomSource weights = source();
  const WeightRequest q = request(rows("qkv", 0, 64), {64, 32}, GetParam());
  const WeightRequest k = request(rows("qkv", 64, 16), {16, 32}, GetParam());
  const WeightRequest v = request(rows("qkv", 80, 16), {16, 32}, GetParam());
  const ConstTensorView a = weights.fetch(q), b = weights.fetch(k), c = weights.fetch(v);
  EXPECT_EQ(a.shape, (Shape{64, 32}));
  EXPECT_EQ(b.shape, (Shape{16, 32}));
  EXPECT_NE(b.data, c.data) << "alike in shape, but other rows";
  EXPECT_EQ(weights.fetch(k).data, b.data);
}

TEST_P(RandomParts, OfAStackedTensorAreOnePerExpert) {
  RandomSource weights = source();
  const std::int64_t one = [&] {
    weights.fetch(request(slice("experts", 0), {48, 32}, GetParam()));
    return weights.bytes();
  }();
  for (std::int64_t e = 1; e < 5; ++e) weights.fetch(request(slice("experts", e), {48, 32}, GetParam()));
  EXPECT_EQ(weights.bytes(), 5 * one);
}

TEST_P(RandomParts, OfRanksAreTheirOwn) {
  RandomSource weights = source();
  WeightRequest first = request("o", {32, 64}, GetParam()), second = first;
  first.cut = {1, 0, 32};
  second.cut = {1, 32, 32};
  EXPECT_NE(weights.fetch(first).data, weights.fetch(second).data);
}

INSTANTIATE_TEST_SUITE_P(Forms, RandomParts, testing::Values(Format::kF32, Format::kBF16, Format::kInt8),
                         [](const auto& f) { return std::string(name_of(f.param)); });

TEST(RandomSource, ATiedTableIsOneTensorInEachForm) {
  RandomSource weights = source();
  WeightRequest table = request("embed", {64, 32}), head = table;
  table.use = WeightUse::kTable;
  EXPECT_EQ(weights.fetch(table).data, weights.fetch(head).data);
  head.format = Format::kInt8;
  EXPECT_NE(weights.fetch(table).data, weights.fetch(head).data);
}

}  // namespace
}  // namespace ttt
