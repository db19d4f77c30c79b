// Hand-written scanners find what their regular expressions find.

#include "text/pattern.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "text/known_regexes.h"

namespace ttt {
namespace {

using Matches = std::vector<std::pair<std::size_t, std::size_t>>;

template <class Search>
Matches all(Search search, std::size_t size) {
  Matches found;
  for (std::size_t from = 0; from <= size;) {
    const auto match = search.find(from);
    if (!match) break;
    found.emplace_back(match->begin, match->end);
    from = match->end;
  }
  return found;
}

TEST(Pattern, ScannersOfSentencePieceEqualTheirRegexes) {
  std::mt19937 random(7);
  const std::string pieces[] = {" ", " ", " ", "a", "\xE2\x96\x81", "\n", "\xC3\xA9"};
  std::uniform_int_distribution<std::size_t> which(0, std::size(pieces) - 1), length(0, 9);
  for (const std::string_view regex : {regexes::kManySpaces, regexes::kSpacesAtEnds, regexes::kMarkAtStart}) {
    const Pattern pattern = Pattern::for_regex(regex, "test");
    const Regex reference = Regex::parse(regex, "test");
    for (int i = 0; i < 3000; ++i) {
      std::string s;
      for (std::size_t n = length(random); n > 0; --n) s += pieces[which(random)];
      EXPECT_EQ(all(PatternSearch(pattern, s), s.size()), all(RegexSearch(reference, s), s.size()))
          << regex << " in \"" << s << '"';
    }
  }
}

}  // namespace
}  // namespace ttt
