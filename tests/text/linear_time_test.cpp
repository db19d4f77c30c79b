#include <gtest/gtest.h>

#include <ctime>

#include "tests/text/corpus.h"
#include "tests/text/gguf_metadata.h"
#include "text/tokenizer.h"

namespace ttt {
namespace {

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_for(const Tokenizer& tokenizer, const std::string& s, int tries) {
  double best = 1e9;
  for (; tries > 0; --tries) {
    const double start = cpu_seconds();
    EXPECT_FALSE(tokenizer.encode(s).empty());
    best = std::min(best, cpu_seconds() - start);
  }
  return best;
}

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string s;
  while (s.size() < bytes) s += unit;
  return s;
}

class LinearTime : public testing::TestWithParam<std::string> {};

// A megabyte of one character takes well under a second, and four times the text at most 5.6 times as long: at the same
// growth ten times the text would take 14 times as long.
TEST_P(LinearTime, RunsOfOneCharacter) {
  const bool gguf = GetParam().rfind("scored", 0) == 0;
  const std::string file = GetParam() + (gguf ? "/vocabulary.json" : "/tokenizer.json");
  const Json json = Json::parse(read_golden(file), file);
  const Tokenizer t =
      gguf ? Tokenizer::from_gguf(vocabulary_from_metadata(json), file) : Tokenizer::from_json(json, nullptr, file);
  t.encode(repeated("ab ", 100000));  // the first call pays for tables
  for (const char* unit : {"A", "\n", " ", "\xF0\x9F\x98\x80"}) {
    const double one = seconds_for(t, repeated(unit, 1000000), 4);
    EXPECT_LT(one, 1.0) << unit;
    // A little is allowed for what the neighbours of this process add.
    EXPECT_LT(seconds_for(t, repeated(unit, 4000000), 2), 5.6 * one + 0.1) << unit;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearTime, testing::Values("llama3", "llama2", "scored_prefix"),
                         [](const auto& test) { return test.param; });

// Tokens that are prefixes of a long run must not make the search start over at every character.
TEST(LinearTimeOfAddedTokens, LongTokensThatAlmostMatch) {
  Json json = Json::parse(R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})", "base");
  Json tokens;
  for (int i = 0; i < 20; ++i) {
    Json token;
    token.set("id", i + 1);
    token.set("content", Json("z" + std::string(static_cast<std::size_t>(3000 + 2000 * i), 'a') + "b"));
    token.set("normalized", false);
    tokens.push(token);
    token.set("id", i + 100);
    token.set("content", Json(std::string(static_cast<std::size_t>(3000 + 2000 * i), 'a') + "c"));
    tokens.push(token);
  }
  json.set("added_tokens", tokens);
  const Tokenizer t = Tokenizer::from_json(json, nullptr, "base");
  EXPECT_LT(seconds_for(t, std::string(1000000, 'a'), 3), 1.0);
}

TEST(LinearTimeOfLoading, ManyMerges) {
  constexpr int kTokens = 300;
  std::string vocab = "\"a\": 0", merges;
  for (int i = 1; i < kTokens; ++i) vocab += text(", \"", std::string(static_cast<std::size_t>(i + 1), 'a'), "\": ", i);
  for (int n = 0; n < 500000; ++n) {
    const auto left = static_cast<std::size_t>(n % 149 + 1);
    const auto right = static_cast<std::size_t>(n / 149 % 149 + 1);
    merges += text(n == 0 ? "" : ",", "\"", std::string(left % 8 + 1, 'a'), " ", std::string(right % 8 + 1, 'a'), "\"");
  }
  const std::string file = text(R"({"model": {"type": "BPE", "vocab": {)", vocab, "}, \"merges\": [", merges, "]}}");
  const double start = cpu_seconds();
  const Tokenizer t = Tokenizer::from_json(Json::parse(file, "many"), nullptr, "many");
  EXPECT_LT(cpu_seconds() - start, 2.0);
  EXPECT_FALSE(t.encode("aaaa").empty());
}

}  // namespace
}  // namespace ttt
