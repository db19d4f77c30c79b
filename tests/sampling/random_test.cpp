#include "sampling/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace ttt {
namespace {

using Words = std::array<std::uint32_t, 4>;

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(RandomStream, PlacesSeedSequenceAndPosition) {
  const Words words = philox4x32({0x55667788, 0x11223344, 0xddeeff00, 0x99aabbcc}, {0x90abcdef, 0x12345678});
  const RandomStream random(0x1234567890abcdef, 0x99aabbccddeeff00);
  const double expected = std::ldexp(words[0], -32) + std::ldexp(words[1] >> 11, -53);
  EXPECT_EQ(random.uniform(0x1122334455667788), expected);
}

TEST(RandomStream, IsUniform) {
  const RandomStream random(3, 1);
  constexpr std::int64_t kDraws = 50000;
  double sum = 0, squares = 0;
  std::set<double> distinct;
  for (std::int64_t i = 0; i < kDraws; ++i) {
    const double u = random.uniform(i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    squares += u * u;
    distinct.insert(u);
  }
  // Four standard deviations: sqrt(1 / 12 / n) and sqrt(4 / 45 / n).
  EXPECT_NEAR(sum / kDraws, 0.5, 4 * std::sqrt(1.0 / 12 / kDraws));
  EXPECT_NEAR(squares / kDraws, 1.0 / 3, 4 * std::sqrt(4.0 / 45 / kDraws));
  EXPECT_EQ(distinct.size(), static_cast<std::size_t>(kDraws));
}

}  // namespace
}  // namespace ttt
