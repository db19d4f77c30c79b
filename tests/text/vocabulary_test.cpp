#include "text/vocabulary.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include "base/error.h"

namespace ttt {
namespace {

TEST(Vocabulary, FindsTokensByTextAndById) {
  Vocabulary v;
  for (int i = 0; i < 1000; ++i) v.add(text("token ", i), 7 * (999 - i), "file");
  EXPECT_EQ(v.size(), 7 * 999 + 1);
  EXPECT_EQ(v.tokens().size(), 1000u);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(v.find(text("token ", i)), 7 * (999 - i));
    ASSERT_NE(v.text_of(7 * i), nullptr);
    EXPECT_EQ(*v.text_of(7 * i), text("token ", 999 - i));
    EXPECT_EQ(v.text_of(7 * i + 1), nullptr);
  }
  EXPECT_EQ(v.find("token"), std::nullopt);
  EXPECT_EQ(v.text_of(-1), nullptr);
  EXPECT_EQ(v.text_of(1 << 24), nullptr);
}

TEST(Vocabulary, RefusesWhatIsTaken) {
  Vocabulary v;
  v.add("a", 3, "file");
  const auto message = [&](std::string_view token, std::int64_t id) {
    try {
      v.add(token, id, "file");
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("added");
  };
  EXPECT_EQ(message("a", 4), "file: token \"a\" is there twice, with ids 3 and 4");
  EXPECT_EQ(message("b", 3), "file: id 3 belongs to \"a\" and to \"b\"");
  EXPECT_EQ(message("b", 1 << 24), "file: token \"b\" wanted an id from 0 to 16777215, got 16777216");
  EXPECT_EQ(message("b", 4), "added");
}

TEST(Vocabulary, TakesMemoryForItsTokensAndNotForTheLargestId) {
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  Vocabulary v;
  v.add("a", Vocabulary::kLargestId, "file");
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd - before, 65536u);
  EXPECT_EQ(v.size(), Vocabulary::kLargestId + 1);
}

// Keys that collide in one table do not in another: who writes a file cannot choose them.
TEST(SeededHash, CollisionsAreThoseOfOneTable) {
  constexpr std::uint64_t kMask = 255;
  const SeededHash one, other;
  int texts = 0, numbers = 0, texts_again = 0, numbers_again = 0;
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const std::string token = text("some longer token ", i);
    if ((one(token) & kMask) == 0) {
      ++texts;
      texts_again += (other(token) & kMask) == 0;
    }
    if ((one(i) & kMask) == 0) {
      ++numbers;
      numbers_again += (other(i) & kMask) == 0;
    }
  }
  // About one in 256, and of these one in 256.
  EXPECT_GT(texts, 200);
  EXPECT_GT(numbers, 200);
  EXPECT_LT(texts_again, texts / 16);
  EXPECT_LT(numbers_again, numbers / 16);
}

}  // namespace
}  // namespace ttt
