#include "text/added_tokens.h"

#include <gtest/gtest.h>

#include "tests/text/corpus.h"

namespace ttt {
namespace {

// Leftmost match first, the longest there, without overlap: against trying every string at every place.
TEST(TokenFinder, AgreesWithDefinition) {
  Random r(11);
  for (int round = 0; round < 300; ++round) {
    TokenFinder finder;
    std::vector<std::string> patterns;
    for (std::size_t n = 1 + r.below(8); n > 0; --n) {
      std::string p;
      for (std::size_t k = 1 + r.below(5); k > 0; --k) p.push_back(static_cast<char>('a' + r.below(3)));
      if (std::find(patterns.begin(), patterns.end(), p) != patterns.end()) continue;
      patterns.push_back(p);
      finder.add(p);
    }
    finder.build();
    std::string s;
    for (std::size_t k = r.below(200); k > 0; --k) s.push_back(static_cast<char>('a' + r.below(4)));
    std::vector<std::pair<std::size_t, std::size_t>> wanted;
    for (std::size_t i = 0; i < s.size();) {
      std::size_t best = patterns.size();
      for (std::size_t k = 0; k < patterns.size(); ++k) {
        const bool here = s.compare(i, patterns[k].size(), patterns[k]) == 0;
        if (here && (best == patterns.size() || patterns[k].size() > patterns[best].size())) best = k;
      }
      if (best == patterns.size()) {
        ++i;
        continue;
      }
      wanted.emplace_back(i, best);
      i += patterns[best].size();
    }
    const auto found = finder.find_all(s);
    ASSERT_EQ(found.size(), wanted.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      ASSERT_EQ(found[k].begin, wanted[k].first);
      ASSERT_EQ(found[k].index, wanted[k].second);
      ASSERT_EQ(found[k].end, found[k].begin + patterns[found[k].index].size());
    }
  }
}

TEST(AddedTokens, StripAndSingleWord) {
  AddedTokens tokens;
  tokens.add(AddedToken{.content = "<l>", .id = 1, .lstrip = true}, "<l>");
  tokens.add(AddedToken{.content = "<r>", .id = 2, .rstrip = true}, "<r>");
  tokens.add(AddedToken{.content = "one", .id = 3, .single_word = true}, "one");
  tokens.add(AddedToken{.content = "<s>", .id = 4, .special = true}, "<s>");
  tokens.build();
  const auto cut = [&](std::string_view s, bool parse_special = true) {
    std::string out;
    for (const auto& part : tokens.cut(s, parse_special)) {
      out += text("[", s.substr(part.begin, part.end - part.begin), "|", part.id, "]");
    }
    return out;
  };
  EXPECT_EQ(cut("a  <l> b"), "[a|-1][  <l>|1][ b|-1]");
  EXPECT_EQ(cut("a <r>  b"), "[a |-1][<r>  |2][b|-1]");
  EXPECT_EQ(cut("<r>  <l>"), "[<r>  |2][<l>|1]");
  EXPECT_EQ(cut("one ones one_ (one)"), "[one|3][ ones one_ (|-1][one|3][)|-1]");
  EXPECT_EQ(cut("\xC3\xA9one"), "[\xC3\xA9one|-1]");
  EXPECT_EQ(cut("a<s>b"), "[a|-1][<s>|4][b|-1]");
  EXPECT_EQ(cut("a<s>b", false), "[a<s>b|-1]");
  EXPECT_EQ(cut(""), "");
}

}  // namespace
}  // namespace ttt
