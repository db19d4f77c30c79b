// Weights that are not finite, and tensors with the same values.

#include "checkpoint/check_weights.h"

#include <limits>

#include "tests/checkpoint/weight_store_case.h"

namespace ttt {
namespace {

using testing::bytes_of;
using testing::kIn;
using testing::kOut;
using testing::SafetensorsWriter;
using CheckWeightsTest = testing::WeightStoreTest;

TEST_F(CheckWeightsTest, checks_weights) {
  std::vector<float> x(12, 1.0F);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  x[7] = -std::numeric_limits<float>::infinity();
  const auto c = open(SafetensorsWriter()
                          .add("bad", "F32", {3, 4}, bytes_of(x))
                          .add("good", "F32", {3}, std::string(12, '\0'))
                          .add("half", "F16", {2}, std::string("\0\0\0\x7c", 4))
                          .add("ids", "I64", {1}, std::string(8, '\xff'))
                          .bytes());
  const std::vector<NonFinite> found = check_weights(*c);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "bad");
  EXPECT_EQ(found[0].nans, 1);
  EXPECT_EQ(found[0].infinities, 1);
  EXPECT_EQ(found[0].first, 5);
  EXPECT_EQ(found[1].first, 1);
}

// A tensor without elements may have any other extent, and is read; a long row is read in pieces.
TEST_F(CheckWeightsTest, checks_weights_of_any_extents) {
  std::vector<float> row(40000, 1.0F);
  row[39999] = std::numeric_limits<float>::quiet_NaN();
  const auto c = open(SafetensorsWriter()
                          .add("long", "F32", {1, 40000}, bytes_of(row))
                          .add("no_columns", "F32", {std::int64_t{1} << 60, 0}, "")
                          .add("no_rows", "F32", {0, std::int64_t{1} << 60}, "")
                          .bytes());
  const std::vector<NonFinite> found = check_weights(*c);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "long");
  EXPECT_EQ(found[0].first, 39999);
}

TEST_F(CheckWeightsTest, same_values) {
  std::vector<float> other = m_;
  other.back() += 1;
  const auto c = open(SafetensorsWriter()
                          .add("a", "F32", {kOut, kIn}, bytes_of(m_))
                          .add("b", "F32", {kOut, kIn}, bytes_of(m_))
                          .add("other", "F32", {kOut, kIn}, bytes_of(other))
                          .add("flat", "F32", {kOut * kIn}, bytes_of(m_))
                          .aligned());
  EXPECT_TRUE(c->same_values("a", "b"));
  for (const char* name : {"other", "flat", "none"}) EXPECT_FALSE(c->same_values("a", name)) << name;
}

}  // namespace
}  // namespace ttt
