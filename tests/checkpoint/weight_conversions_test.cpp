// Weights in another format than that of their file.

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/checkpoint/weight_store_case.h"

namespace ttt {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::from_bf16;
using testing::kIn;
using testing::kOut;
using testing::row_of;
using testing::SafetensorsWriter;
using testing::to_bf16;
using WeightConversionsTest = testing::WeightStoreTest;

TEST_F(WeightConversionsTest, dense_conversions) {
  const auto c = open_matrix("F32", bytes_of(m_));
  const std::vector<std::uint16_t> expected = to_bf16(m_);
  ThreadPool threads(3);
  WeightStore store(*c, threads);
  const ConstTensorView b = store.fetch(matrix({.axis = 0, .begin = 3, .count = 5}, Format::kBF16));
  EXPECT_EQ(std::memcmp(b.data, expected.data() + 3 * kIn, 5 * kIn * 2), 0);
  const ConstTensorView h = store.fetch(matrix({}, Format::kF16));
  for (std::int64_t r = 0; r < kOut; ++r) {
    const std::vector<float> x = row_of(h, r);
    for (std::int64_t i = 0; i < kIn; ++i) EXPECT_NEAR(x[static_cast<std::size_t>(i)], at(r, i), 0x1p-11F);
  }
}

TEST_F(WeightConversionsTest, rounds_to_nearest_even) {
  const std::vector<float> x = {1.00390625F, 1.01171875F,  std::numeric_limits<float>::infinity(),
                                -0.0F,       0x1.FEFp127F, std::bit_cast<float>(0x7F800001U)};
  const auto c = open(SafetensorsWriter().add("m.weight", "F32", {1, 6}, bytes_of(x)).aligned());
  WeightStore store(*c);
  WeightRequest r = matrix({}, Format::kBF16);
  r.shape = {1, 6};
  const auto* y = store.fetch(r).row<std::uint16_t>(0);
  EXPECT_EQ(y[0], 0x3F80);  // halfway, to even
  EXPECT_EQ(y[1], 0x3F82);
  EXPECT_EQ(y[2], 0x7F80);
  EXPECT_EQ(y[3], 0x8000);
  EXPECT_EQ(y[4], 0x7F7F);  // the largest: what would round beyond it is refused
  EXPECT_TRUE(std::isnan(from_bf16(y[5])));
}

TEST_F(WeightConversionsTest, quantises_dense) {
  const auto c = open_matrix("F32", bytes_of(m_));
  WeightStore store(*c);
  const struct {
    Format format;
    float error;
  } kCases[] = {{Format::kInt8, 1 / 120.0F},
                {Format::kQ8_0, 1 / 120.0F},
                {Format::kInt4, 1 / 13.0F},
                {Format::kBfp8B, 1 / 60.0F},
                {Format::kBfp4B, 1 / 3.5F}};
  for (const auto& k : kCases) {
    for (const Cut cut : {Cut{}, Cut{0, 5, 19}, Cut{1, 32, 32}}) {
      const ConstTensorView v = store.fetch(matrix(cut, k.format));
      EXPECT_EQ(v.layout, Layout::kPanels);
      EXPECT_EQ(v.format, k.format);
      for (std::int64_t r = 0; r < v.dim(0); ++r) {
        const std::vector<float> x = row_of(v, r);
        for (std::int64_t i = 0; i < v.dim(1); ++i) {
          const float want = at(r + (cut.axis == 0 ? 5 : 0), i + (cut.axis == 1 ? 32 : 0));
          EXPECT_NEAR(x[static_cast<std::size_t>(i)], want, k.error) << name_of(k.format);
        }
      }
    }
  }
  // Through f32 rows: the same codes as from the rows themselves.
  WeightRequest t = matrix({}, Format::kInt8);
  t.name = transposed("weight");
  t.shape = {kIn, kOut};
  const ConstTensorView v = store.fetch(t);
  for (std::int64_t r = 0; r < kIn; ++r) {
    const std::vector<float> x = row_of(v, r);
    for (std::int64_t i = 0; i < kOut; ++i) EXPECT_NEAR(x[static_cast<std::size_t>(i)], at(i, r), 1 / 120.0F);
  }
}

// Ranks multiply parts of the matrix that one rank has.
TEST_F(WeightConversionsTest, cuts_hold_the_codes_of_the_whole) {
  const auto c = open_matrix("F32", bytes_of(m_));
  WeightStore store(*c);
  for (const Format f : {Format::kInt8, Format::kQ8_0, Format::kInt4, Format::kBfp8B, Format::kBfp4B}) {
    for (const bool turned : {false, true}) {
      WeightRequest r = matrix({}, f);
      if (turned) {
        if (f == Format::kQ8_0) continue;  // in whole blocks only
        r.name = rows(transposed("weight"), 0, 40);
        r.shape = {40, kOut};
      }
      const ConstTensorView whole = store.fetch(r);
      r.cut = {1, 32, r.shape[1] - 32};
      const ConstTensorView part = store.fetch(r);
      for (std::int64_t row = 0; row < part.dim(0); ++row) {
        const std::vector<float> all = row_of(whole, row);
        EXPECT_EQ(row_of(part, row), std::vector<float>(all.begin() + 32, all.end())) << name_of(f) << turned;
      }
    }
  }
}

// Finite in the file, infinite in the format that was asked for.
TEST_F(WeightConversionsTest, values_beyond_a_format_are_refused) {
  std::vector<float> large = m_;
  large[5 * kIn + 7] = 1e5F;
  large[6 * kIn + 7] = -1e5F;
  std::vector<float> larger = m_;
  larger[64] = 3.4e38F;
  std::vector<float> infinite = m_;
  infinite[3] = std::numeric_limits<float>::infinity();
  std::vector<double> wide(m_.begin(), m_.end());
  wide[65] = 1e300;
  const auto c = open(SafetensorsWriter()
                          .add("large", "F32", {kOut, kIn}, bytes_of(large))
                          .add("larger", "F32", {kOut, kIn}, bytes_of(larger))
                          .add("infinite", "F32", {kOut, kIn}, bytes_of(infinite))
                          .add("wide", "F64", {kOut, kIn}, bytes_of(wide))
                          .aligned());
  WeightStore store(*c);
  const auto request = [](TensorName name, Format f, Shape shape = {kOut, kIn}) {
    return WeightRequest{.path = "", .name = std::move(name), .shape = shape, .use = WeightUse::kMatrix, .format = f};
  };
  const auto refused = [&](const WeightRequest& r, std::string_view message) {
    expect_error(ErrorKind::kUsage, message, [&] { store.fetch(r); });
  };
  refused(request("large", Format::kF16), "large cannot be f16: its value 1e+05 in row 5, column 7 is beyond");
  refused(request(transposed("large"), Format::kF16, {kIn, kOut}), "its value 1e+05 in row 7, column 5");
  refused(request("large", Format::kInt4), "large cannot be int4: its value");
  refused(request("larger", Format::kBF16), "larger cannot be bf16: its value 3.4e+38 in row 1, column 0");
  refused(request("larger", Format::kQ8_0), "larger cannot be q8_0");
  refused(request("wide", Format::kF32), "wide cannot be f32: its value inf in row 1, column 1");
  for (const Format f : {Format::kBF16, Format::kInt8, Format::kBfp8B, Format::kBfp4B, Format::kQ8_0}) {
    EXPECT_NO_THROW(store.fetch(request("large", f))) << name_of(f);
  }
  // What is infinite in the file stays so; --check-weights finds it.
  EXPECT_NO_THROW(store.fetch(request("infinite", Format::kF16)));
}

}  // namespace
}  // namespace ttt
