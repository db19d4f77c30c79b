// Weights made up for benchmarks: what is the same in a checkpoint is the same here, and nothing else.

#include "runtime/random_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/formats/packed.h"

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

TEST_P(RandomParts, HaveTheVarianceOfATrainedMatrixOrLess) {
  RandomSource weights = source();
  constexpr std::int64_t kOut = 48, kIn = 512;
  const ConstTensorView w = weights.fetch(request("w", {kOut, kIn}, GetParam()));
  double sum = 0, squares = 0;
  std::vector<float> row(kIn);
  for (std::int64_t r = 0; r < kOut; ++r) {
    if (w.layout == Layout::kPanels) {
      kernels::decode_packed_row(w, r, row.data());
    } else {
      kernels::decode_row(w, r, 0, kIn, row.data());
    }
    for (const float v : row) {
      ASSERT_TRUE(std::isfinite(v));
      sum += v;
      squares += static_cast<double>(v) * v;
    }
  }
  constexpr double kCount = kOut * kIn;
  EXPECT_LT(squares / kCount * kIn, 1.5);
  EXPECT_GT(squares / kCount * kIn, 0.03);
  EXPECT_LT(std::fabs(sum) / kCount, 0.15 * std::sqrt(squares / kCount));
}

TEST_P(RandomParts, OfAPlanAreCountedAndNotMade) {
  RandomSource weights = source(), planned(Format::kF32, ParallelFor(), RandomSource::Mode::kPlan);
  const WeightRequest w = request("w", {48, 512}, GetParam());
  const ConstTensorView made = weights.fetch(w), counted = planned.fetch(w);
  EXPECT_EQ(planned.bytes(), weights.bytes());
  EXPECT_EQ(counted.data, nullptr);
  EXPECT_EQ(counted.format, made.format);
  EXPECT_EQ(counted.layout, made.layout);
  EXPECT_EQ(counted.shape, made.shape);
}

INSTANTIATE_TEST_SUITE_P(Forms, RandomParts,
                         testing::Values(Format::kF32, Format::kF16, Format::kBF16, Format::kInt8, Format::kQ4_0,
                                         Format::kQ4_1, Format::kQ5_0, Format::kQ5_1, Format::kQ8_0, Format::kQ4_K,
                                         Format::kQ5_K, Format::kQ6_K, Format::kInt4, Format::kBfp8B, Format::kBfp4B,
                                         Format::kMXFP4, Format::kQ2_K, Format::kQ3_K, Format::kIQ4_NL, Format::kIQ4_XS,
                                         Format::kTQ1_0, Format::kTQ2_0),
                         [](const auto& f) { return std::string(name_of(f.param)); });

// A file has whole super-blocks; the random row is cut out of one.
TEST(RandomSource, RowsNeedNoWholeSuperBlocks) {
  RandomSource weights = source();
  const ConstTensorView w = weights.fetch(request("w", {16, 896}, Format::kQ4_K));
  EXPECT_EQ(w.shape, (Shape{16, 896}));
  EXPECT_EQ(weights.bytes(), kernels::packed_bytes(Format::kQ4_K, 16, 896));
}

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
