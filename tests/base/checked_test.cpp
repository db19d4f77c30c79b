#include "base/checked.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "support/error_of.h"

namespace ttt {
namespace {

std::string refusal_of(auto&& call) { return support::error_of(call, ErrorKind::kBadData); }

TEST(Checked, ComputesWhatFits) {
  EXPECT_EQ(checked_add(INT64_MAX - 1, 1, "x"), INT64_MAX);
  EXPECT_EQ(checked_mul(std::int64_t{1} << 31, std::int64_t{1} << 31, "x"), std::int64_t{1} << 62);
  EXPECT_EQ(checked_mul(0, INT64_MAX, "x"), 0);
  EXPECT_EQ(checked_product({}, "x"), 1);
  EXPECT_EQ(checked_product({2, 3, 7}, "x"), 42);
  EXPECT_EQ(checked_size(static_cast<std::uint64_t>(INT64_MAX), "x"), INT64_MAX);
}

TEST(Checked, RoundsUp) {
  EXPECT_EQ(checked_round_up(0, 64, "x"), 0);
  EXPECT_EQ(checked_round_up(1, 64, "x"), 64);
  EXPECT_EQ(checked_round_up(64, 64, "x"), 64);
  EXPECT_EQ(checked_round_up(65, 64, "x"), 128);
  EXPECT_EQ(div_up(0, 5), 0);
  EXPECT_EQ(div_up(10, 5), 2);
  EXPECT_EQ(div_up(11, 5), 3);
}

TEST(Checked, RefusesInsteadOfWrapping) {
  EXPECT_EQ(refusal_of([] { checked_add(INT64_MAX, 1, "offset"); }), "offset: size overflows: 9223372036854775807 + 1");
  EXPECT_EQ(refusal_of([] { checked_add(-1, 1, "offset"); }), "offset: size overflows: -1 + 1");
  EXPECT_EQ(refusal_of([] { checked_mul(std::int64_t{1} << 32, std::int64_t{1} << 31, "tensor"); }),
            "tensor: size overflows: 4294967296 x 2147483648");
  EXPECT_EQ(refusal_of([] { checked_mul(2, -1, "tensor"); }), "tensor: size overflows: 2 x -1");
  EXPECT_NE(refusal_of([] { checked_product({INT64_MAX, 2, 0}, "tensor"); }), "accepted");
  EXPECT_NE(refusal_of([] { checked_round_up(INT64_MAX, 64, "page"); }), "accepted");
  EXPECT_EQ(refusal_of([] { checked_round_up(5, 0, "page"); }), "page: alignment wanted a positive number, got 0");
  EXPECT_EQ(refusal_of([] { checked_size(std::uint64_t{1} << 63, "count"); }),
            "count: size wanted at most 2^63 - 1, got 9223372036854775808");
}

}  // namespace
}  // namespace ttt
