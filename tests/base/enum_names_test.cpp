#include "base/enum_names.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace ttt {
namespace {

enum class Colour : std::uint8_t { kRed, kGreen };
constexpr EnumNames<2> kColours{"red", "green"};

TEST(EnumNames, NameEachValueAndNoneBeyondTheLast) {
  EXPECT_EQ(name_in(kColours, Colour::kRed), "red");
  EXPECT_EQ(name_in(kColours, Colour::kGreen), "green");
  EXPECT_EQ(name_in(kColours, static_cast<Colour>(2)), "");
  EXPECT_EQ(name_in(kColours, static_cast<Colour>(255)), "");
}

TEST(EnumNames, FindTheValueOfAName) {
  EXPECT_EQ(value_in<Colour>(kColours, "green"), Colour::kGreen);
  EXPECT_EQ(value_in<Colour>(kColours, "gre"), std::nullopt);
  EXPECT_EQ(value_in<Colour>(kColours, ""), std::nullopt);
}

}  // namespace
}  // namespace ttt
