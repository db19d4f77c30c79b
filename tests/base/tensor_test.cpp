#include "base/tensor.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <numeric>

#include "base/error.h"

namespace ttt {
namespace {

TEST(Shape, ExtentsAndProduct) {
  const Shape s{2, 3, 4};
  EXPECT_EQ(s.rank(), 3);
  EXPECT_EQ(s[2], 4);
  EXPECT_EQ(s.elements(), 24);
  EXPECT_EQ(s.to_string(), "[2, 3, 4]");
  EXPECT_EQ(Shape().elements(), 1);
  EXPECT_EQ(Shape().to_string(), "[]");
  EXPECT_EQ((Shape{5, 0}).elements(), 0);
  EXPECT_EQ(s, (Shape{2, 3, 4}));
  EXPECT_NE(s, (Shape{2, 3}));
  EXPECT_NE((Shape{2, 0}), Shape{2});
}

TEST(Shape, RefusesWhatIsNone) {
  EXPECT_THROW((Shape{1, 1, 1, 1, 1}), Error);
  EXPECT_THROW(Shape{-1}, Error);
  EXPECT_THROW((Shape{INT64_MAX, 2}).elements(), Error);
}

TEST(View, RowsAndStrides) {
  std::array<float, 24> data;
  std::iota(data.begin(), data.end(), 0.0F);
  const TensorView x = view_of(data.data(), {2, 3, 4});
  EXPECT_EQ(x.rows(), 6);
  EXPECT_EQ(x.row_bytes, 16);
  EXPECT_EQ(x.row<float>(5)[1], 21);
  const ConstTensorView c = x;
  EXPECT_EQ(c.row<float>(1)[0], 4);
  EXPECT_EQ(c.layout, Layout::kRowMajor);
  EXPECT_EQ(view_of(data.data(), {7}).rows(), 1);
  EXPECT_EQ(view_of(data.data(), {0, 4}).rows(), 0);
}

TEST(View, AbsentIsRankZero) {
  EXPECT_FALSE(ConstTensorView());
  EXPECT_FALSE(TensorView());
  float x = 0;
  EXPECT_TRUE(view_of(&x, {1}));
  EXPECT_TRUE(view_of(&x, {0}));
}

TEST(View, GroupedRows) {
  std::array<std::byte, 3 * 36> data{};
  const ConstTensorView w = view_of(static_cast<const std::byte*>(data.data()), Format::kQ4_0, {3, 64});
  EXPECT_EQ(w.row_bytes, 36);
  EXPECT_EQ(w.row<std::byte>(2) - data.data(), 72);
  EXPECT_THROW(view_of(data.data(), Format::kQ4_0, {3, 40}), Error);
}

TEST(View, Slices) {
  std::array<float, 20> data;
  std::iota(data.begin(), data.end(), 0.0F);
  const TensorView x = view_of(data.data(), {4, 5});
  const TensorView r = rows_of(x, 1, 2), c = columns_of(x, 2, 3), both = rows_of(c, 3, 1);
  EXPECT_EQ(r.shape, (Shape{2, 5}));
  EXPECT_EQ(r.row<float>(1)[4], 14);
  EXPECT_EQ(c.shape, (Shape{4, 3}));
  EXPECT_EQ(c.row_bytes, 20);
  EXPECT_EQ(c.row<float>(1)[0], 7);
  EXPECT_EQ(both.row<float>(0)[2], 19);
  EXPECT_EQ(rows_of(ConstTensorView(x), 4, 0).rows(), 0);
  EXPECT_EQ(columns_of(ConstTensorView(x), 5, 0).shape, (Shape{4, 0}));
}

}  // namespace
}  // namespace ttt
