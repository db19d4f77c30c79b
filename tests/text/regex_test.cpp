#include "text/regex.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace ttt {
namespace {

std::string matches(std::string_view expression, std::string_view s) {
  const Regex regex = Regex::parse(expression, "test");
  RegexSearch search(regex, s);
  std::string out;
  for (std::size_t from = 0; from <= s.size();) {
    const auto m = search.find(from);
    if (!m) break;
    out += text("[", s.substr(m->begin, m->end - m->begin), "]");
    from = m->end > m->begin ? m->end : m->end + 1;
  }
  return out;
}

TEST(Regex, FindsWhatPerlFinds) {
  EXPECT_EQ(matches("a|ab", "abab"), "[a][a]");
  EXPECT_EQ(matches("(?:ab|a)b", "abab"), "[ab][ab]");
  EXPECT_EQ(matches("a+?b", "aab"), "[aab]");
  EXPECT_EQ(matches("a*?", "aa"), "[][][]");
  EXPECT_EQ(matches("[a-c&&[^b]]+", "abcab"), "[a][ca]");
  EXPECT_EQ(matches("[^\\s\\p{L}]+", "a1- b"), "[1-]");
  EXPECT_EQ(matches("\\p{Lu}\\p{Ll}*", "fooBarBaz"), "[Bar][Baz]");
  EXPECT_EQ(matches("(?i:'S|'t)x", "'sx'Tx'SX"), "['sx]['Tx]");
  EXPECT_EQ(matches("a{2,3}", "aaaaa"), "[aaa][aa]");
  EXPECT_EQ(matches("(?:ab){1,2}c", "ababcabc"), "[ababc][abc]");
  EXPECT_EQ(matches("a++a", "aaa"), "");
  EXPECT_EQ(matches("(?:ab)++c", "ababc"), "[ababc]");
  EXPECT_EQ(matches("\\s+(?!\\S)|\\s+", "a   b "), "[  ][ ][ ]");
  EXPECT_EQ(matches("a(?=b)", "abac"), "[a]");
  EXPECT_EQ(matches("\\bx", "x xx"), "[x][x]");
  EXPECT_EQ(matches("\\s+$", "a  \nb "), "[  ][ ]");
  EXPECT_EQ(matches("\\A +| +\\z", "  a  b  \n "), "[  ][ ]");
  EXPECT_EQ(matches("\\Aa|a\\Z", "aaa\n"), "[a][a]");
  EXPECT_EQ(matches("(?:x*|y)z", "xyzz"), "[yz][z]");
  EXPECT_EQ(matches("(?=b)\\w|(?!a)a|$", "ab"), "[b][]");
  EXPECT_EQ(matches("\\p{Han}+", "a\xE6\x97\xA5\xE6\x9C\xACz"), "[\xE6\x97\xA5\xE6\x9C\xAC]");
  EXPECT_EQ(matches("[\\-\\]]|\\x41|\\u00e9", "-]A\xC3\xA9"), "[-][]][A][\xC3\xA9]");
}

TEST(Regex, RefusesByName) {
  for (const char* bad : {"", "(a", "a)", "[a", "*a", "a**", "(a)\\1", "(?<=a)b", "\\p{Klingon}", "a{3,2}", "(a*)*",
                          "[[:alpha:]]", "(?:(?:(?:a{1000}){1000}){1000})", "a{1001}", "\\"}) {
    EXPECT_THROW(Regex::parse(bad, "test"), Error) << bad;
  }
  EXPECT_THROW(Regex::parse(std::string(100, '(') + "a" + std::string(100, ')'), "test"), Error);
}

// Four times the text takes four times the steps, for expressions that try all ways of cutting a run.
TEST(Regex, StepsGrowWithTheText) {
  for (const char* expression : {"(a+)+b", "a+$", "(a|aa)+c", "\\s+$|a*b", "a+b|a+c|a"}) {
    const Regex regex = Regex::parse(expression, "test");
    const auto steps = [&](std::size_t n) {
      const std::string s = std::string(n, 'a') + "x";
      RegexSearch search(regex, s);
      search.find(0);
      return search.steps();
    };
    const std::uint64_t few = steps(10000);
    EXPECT_LT(steps(40000), 5 * few) << expression;
    EXPECT_LT(few, 10000u * 100) << expression;
  }
}

TEST(Regex, GivesUpInProportionToTheText) {
  const Regex regex = Regex::parse("(?=(?:1|11)+x)", "test");
  const std::string s(60, '1');
  RegexSearch search(regex, s);
  EXPECT_THROW(search.find(0), Error);
}

}  // namespace
}  // namespace ttt
