#include "base/error.h"

#include <gtest/gtest.h>

namespace ttt {
namespace {

Error caught(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::kInternal, "nothing was thrown"};
}

TEST(Error, ItsTextIsMadeOfItsParts) {
  EXPECT_EQ(Error(ErrorKind::kUsage, "words").what(), std::string("words"));
  EXPECT_EQ((ErrorParts{.where = "config.json", .field = "n", .wanted = "1 .. 8", .got = "9", .note = "by x"}.text()),
            "config.json: n wanted 1 .. 8, got 9 (by x)");
  EXPECT_EQ((ErrorParts{.block = "a.b", .field = "w", .problem = "is missing"}.text()), "[a.b] w is missing");
  EXPECT_EQ((ErrorParts{.field = "w", .wanted = "a gate"}.text()), "w wanted a gate");
}

TEST(Error, IsCopiedWithItsParts) {
  const Error e(ErrorKind::kBadData, {.where = "f", .field = "w", .wanted = "1", .got = "2"});
  const Error copy = e;
  EXPECT_EQ(copy.kind(), ErrorKind::kBadData);
  EXPECT_EQ(copy.parts().field, "w");
  EXPECT_EQ(copy.parts().got, "2");
  EXPECT_STREQ(copy.what(), "f: w wanted 1, got 2");
}

TEST(InBlock, AddsThePathAsAValueAndNothingToTheText) {
  const Error plain = caught([] { in_block("a.b", [] { require(false, ErrorKind::kUsage, "[a.b] x wanted 1"); }); });
  EXPECT_EQ(plain.parts().block, "a.b");
  EXPECT_STREQ(plain.what(), "[a.b] x wanted 1");
  const Error outer =
      caught([] { in_block("a", [] { fail(ErrorKind::kUsage, {.block = "a.b", .field = "x", .wanted = "1"}); }); });
  EXPECT_EQ(outer.parts().block, "a.b");
  EXPECT_STREQ(outer.what(), "[a.b] x wanted 1");
  EXPECT_EQ(in_block("a", [] { return 3; }), 3);
}

}  // namespace
}  // namespace ttt
