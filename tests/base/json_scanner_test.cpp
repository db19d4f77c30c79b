#include "base/json_scanner.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/utf8.h"

namespace ttt {
namespace {

JsonScanner over(std::string_view s) { return {s, "file", "header byte"}; }

TEST(JsonScanner, ReadsTokensBetweenWhiteSpace) {
  JsonScanner scan = over(" { \"a\\n\" :\t[ 12 , -3.5e2 ] } ");
  scan.expect('{');
  EXPECT_EQ(scan.string(), "a\n");
  EXPECT_FALSE(scan.take(','));
  EXPECT_TRUE(scan.take(':'));
  scan.expect('[');
  EXPECT_EQ(scan.size(), 12);
  EXPECT_EQ(scan.peek(), ',');
  scan.expect(',');
  const JsonScanner::Number n = scan.number();
  EXPECT_EQ(n.text, "-3.5e2");
  EXPECT_FALSE(n.is_integer);
  scan.expect(']');
  scan.expect('}');
  scan.skip_space();
  EXPECT_TRUE(scan.at_end());
  EXPECT_EQ(scan.peek(), '\0');
}

TEST(JsonScanner, ASizeIsDigitsAloneAndElseNothingIsRead) {
  for (const char* s : {"-0", "02", "2.0", "1e3", "\"0\"", "[", "", "9223372036854775808"}) {
    JsonScanner scan = over(s);
    EXPECT_EQ(scan.size(), std::nullopt) << s;
    EXPECT_EQ(scan.ahead(100), s);
  }
  EXPECT_EQ(over("9223372036854775807").size(), INT64_MAX);
  EXPECT_EQ(over("0").size(), 0);
}

TEST(JsonScanner, NamesFilePlaceAndByte) {
  const auto message = [](std::string_view s, auto read) {
    JsonScanner scan = over(s);
    try {
      read(scan);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(message("  x", [](JsonScanner& s) { s.expect('{'); }), "file: header byte 2: wanted '{'");
  EXPECT_EQ(message("  ", [](JsonScanner& s) { s.expect('{'); }), "file: header byte 2: wanted '{', got the end");
  EXPECT_EQ(message("\"\\", [](JsonScanner& s) { s.string(); }), "file: header byte 2: unfinished string");
  EXPECT_EQ(message("\"ab\xFF\"", [](JsonScanner& s) { s.string(); }), "file: header byte 3: invalid UTF-8");
}

TEST(Utf8, IsValidWithoutSurrogatesAndOverlongForms) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("plain \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const char* s : {"\xed\xa0\x80", "\xc0\x80", "a\xe2\x82", "\x80", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_valid_utf8(s));
  }
}

}  // namespace
}  // namespace ttt
