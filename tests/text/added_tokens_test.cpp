#include "text/added_tokens.h"

#include <gtest/gtest.h>

#include "tests/text/corpus.h"
#include "text/tokenizer.h"

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

// Ids of the Hugging Face tokenizers library, recorded by tools/make_added_token_fixtures.py: 120 sets of tokens that
// touch, overlap and begin inside each other's white space, with all properties crossed; 60 strings each.
TEST(AddedTokens, AgreesWithReference) {
  const Json golden = Json::parse(read_golden("added_tokens.json"), "golden");
  std::vector<std::string> atoms;
  for (const Json& atom : golden.at("atoms", "").as_array("")) atoms.push_back(atom.as_string(""));
  const auto contents = static_cast<std::size_t>(golden.at("contents", "").as_integer(""));
  const std::int64_t strings = golden.at("strings", "").as_integer("");
  Random r(7);
  int number = 0;
  for (const Json& one : golden.at("tokenizers", "").as_array("")) {
    const auto& tokens = one.at("tokens", "").as_array("");
    // The draws of the script that made the tokens.
    for (std::size_t n = 2 + r.below(5); n > 0; --n) r.below(contents);
    Json added;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (const std::size_t n : {5u, 2u, 3u, 3u}) r.below(n);
      Json token = tokens[i];
      token.set("id", static_cast<std::int64_t>(i) + 1);
      token.set("special", false);
      added.push(token);
    }
    Json json = Json::parse(R"({"model": {"type": "BPE", "vocab": {"?": 0}, "merges": [], "unk_token": "?",
        "fuse_unk": true}})",
                            "base");
    r.below(2);
    if (one.at("lowercase", "").as_bool("")) json.set("normalizer", Json::parse(R"({"type": "Lowercase"})", ""));
    json.set("added_tokens", added);
    const Tokenizer t = Tokenizer::from_json(json, {}, "golden");
    const auto& left_out = one.at("left_out", "").as_array("");
    Fnv digest;
    for (std::int64_t i = 0; i < strings; ++i) {
      std::string s;
      for (std::size_t n = 1 + r.below(10); n > 0; --n) s += atoms[r.below(atoms.size())];
      const auto ids = t.encode(s);
      const bool compared =
          std::none_of(left_out.begin(), left_out.end(), [&](const Json& k) { return k.as_integer("") == i; });
      if (compared) digest.add_ids(ids);
    }
    EXPECT_EQ(digest.value(), one.at("digest", "").as_integer("")) << "tokenizer " << number;
    ++number;
  }
  EXPECT_EQ(number, 120);
}

}  // namespace
}  // namespace ttt
