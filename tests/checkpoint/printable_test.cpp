#include "checkpoint/printable.h"

#include <gtest/gtest.h>

namespace ttt {
namespace {

TEST(Printable, escapes) {
  EXPECT_EQ(printable("model.norm"), "'model.norm'");
  EXPECT_EQ(printable("a\x1b[31m\n"), "'a\\x1b[31m\\x0a'");
  EXPECT_EQ(printable("\xff\xc3\xa9"), "'\\xff\xc3\xa9'");
  EXPECT_EQ(printable("\xc2\x9b"), "'\\xc2\\x9b'");
  EXPECT_EQ(printable(std::string(200, 'x')), "'" + std::string(120, 'x') + "'... (200 bytes)");
}

TEST(Printable, one_line) {
  EXPECT_EQ(on_one_line("a\x1b[31m\r\nb\x7f\xc2\x9b\xc3\xa9\xff"), "a [31m  b   \xc3\xa9\xff");
  EXPECT_EQ(on_one_line(""), "");
}

TEST(Printable, bytes) {
  EXPECT_EQ(human_bytes(0), "0 bytes");
  EXPECT_EQ(human_bytes(1), "1 byte");
  EXPECT_EQ(human_bytes(999), "999 bytes");
  EXPECT_EQ(human_bytes(1500), "1.5 kB");
  EXPECT_EQ(human_bytes(999949), "999.9 kB");
  EXPECT_EQ(human_bytes(12'000'000), "12.0 MB");
  EXPECT_EQ(human_bytes(std::int64_t{14'200'000'000}), "14.2 GB");
}

}  // namespace
}  // namespace ttt
