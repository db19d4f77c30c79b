#include "text/unicode.h"

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "text/pattern.h"

namespace ttt {
namespace {

const Unicode& u() { return Unicode::tables(); }

TEST(Unicode, Classes) {
  EXPECT_TRUE(u().is(U'a', kLetter));
  EXPECT_TRUE(u().is(U'7', kNumber));
  EXPECT_TRUE(u().is(0xBD, kNumber));  // one half
  EXPECT_TRUE(u().is(0x3000, kSpace));
  EXPECT_FALSE(u().is(0x200B, kSpace));  // zero width space
  EXPECT_TRUE(u().is(0x301, kMark));
  EXPECT_TRUE(u().is(0x105C0, kLetter));   // Unicode 16
  EXPECT_FALSE(u().is(0x10940, kLetter));  // Unicode 17
  EXPECT_EQ(u().classes(0x110000), 0u);
  EXPECT_EQ(u().classes(0xFFFFFFFF), 0u);
}

TEST(Unicode, NormalForms) {
  const std::string composed = "\xC3\xA9";  // e acute
  const std::string decomposed = "e\xCC\x81";
  EXPECT_EQ(u().normalize(decomposed, NormalForm::kNfc), composed);
  EXPECT_EQ(u().normalize(composed, NormalForm::kNfd), decomposed);
  EXPECT_EQ(u().normalize("\xEF\xAC\x81", NormalForm::kNfkc), "fi");
  EXPECT_EQ(u().normalize("\xEF\xAC\x81", NormalForm::kNfc), "\xEF\xAC\x81");
  EXPECT_EQ(u().normalize("\xEA\xB0\x81", NormalForm::kNfd), "\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8");
  EXPECT_EQ(u().normalize("\xE1\x84\x80\xE1\x85\xA1\xE1\x86\xA8", NormalForm::kNfc), "\xEA\xB0\x81");
  EXPECT_EQ(u().normalize("a\xCC\x95\xCC\xA7", NormalForm::kNfd), "a\xCC\xA7\xCC\x95");  // by class
  EXPECT_EQ(u().normalize("", NormalForm::kNfkd), "");
  std::string marks = "x";
  for (int i = 0; i < 200000; ++i) append_utf8(marks, i % 2 == 0 ? 0x315 : 0x327);
  EXPECT_EQ(u().normalize(marks, NormalForm::kNfc).size(), marks.size());
}

TEST(Unicode, Lowercase) { EXPECT_EQ(u().lowercase("AbÄΣ\xC4\xB0"), "abäσi\xCC\x87"); }

std::vector<std::string> pieces(const Pattern& pattern, std::string_view s) {
  std::vector<std::string> result;
  PatternSearch search(pattern, s);
  std::size_t at = 0;
  while (const auto match = search.find(at)) {
    result.emplace_back(s.substr(match->begin, match->end - match->begin));
    at = match->end;
  }
  return result;
}

using Words = std::vector<std::string>;

TEST(Pattern, CutsAsItsRegexDoes) {
  EXPECT_EQ(pieces(Pattern::gpt2(), "I'm  12\n\n x!"), (Words{"I", "'m", " ", " 12", "\n\n", " x", "!"}));
  EXPECT_EQ(pieces(Pattern::llama3(), "I'M 12345!\n\n  x"), (Words{"I", "'M", " ", "123", "45", "!\n\n", " ", " x"}));
  EXPECT_EQ(pieces(Pattern::qwen2(), "a12\n b "), (Words{"a", "1", "2", "\n", " b", " "}));
  EXPECT_EQ(pieces(Pattern::o200k(), "fooBar HTTPServer don't/\n"),
            (Words{"foo", "Bar", " HTTPServer", " don't", "/\n"}));
  EXPECT_EQ(pieces(Pattern::words_or_symbols(), " ab-- c"), (Words{"ab", "--", "c"}));
  EXPECT_EQ(pieces(Pattern::ascii_digit_triples(), "1234567x12"), (Words{"123", "456"}));
  EXPECT_EQ(pieces(Pattern::punctuation_or_ascii_math(), "a<=b `c`."), (Words{"<=", "."}));
  EXPECT_EQ(pieces(Pattern::literal("aa"), "aaaaa"), (Words{"aa", "aa"}));
}

}  // namespace
}  // namespace ttt
