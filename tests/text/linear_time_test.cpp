#include <gtest/gtest.h>

#include "tests/text/corpus.h"
#include "tests/text/gguf_metadata.h"
#include "text/merge_queue.h"
#include "text/tokenizer.h"

namespace ttt {
namespace {

// No clock decides here: tests share their machine. Work that is counted is compared; where it cannot be counted the
// input is so large that quadratic work would take hours, and the test never end.

std::string repeated(std::string_view unit, std::size_t bytes) {
  std::string s;
  while (s.size() < bytes) s += unit;
  return s;
}

class LinearTime : public testing::TestWithParam<std::string> {};

TEST_P(LinearTime, RunsOfOneCharacter) {
  const bool gguf = GetParam().rfind("scored", 0) == 0;
  const std::string file = GetParam() + (gguf ? "/vocabulary.json" : "/tokenizer.json");
  const Json json = Json::parse(read_golden(file), file);
  const Tokenizer t =
      gguf ? Tokenizer::from_gguf(vocabulary_from_metadata(json), file) : Tokenizer::from_json(json, {}, file);
  for (const char* unit : {"A", "\n", " ", "\xF0\x9F\x98\x80"}) {
    const std::string s = repeated(unit, 2000000);
    const auto ids = t.encode(s, {.add_special = false});
    EXPECT_EQ(t.decode(ids), s) << unit;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LinearTime, testing::Values("llama3", "llama2", "scored_prefix"),
                         [](const auto& test) { return test.param; });

// Every merge looks at two new pairs: the look-ups are counted.
TEST(LinearTimeOfMerging, LooksAtEachNeighbourOnce) {
  const auto look_ups = [](std::size_t n) {
    MergeLoop loop;
    loop.symbols.assign(n, Symbol{});
    for (Symbol& s : loop.symbols) s.id = 0;
    std::size_t count = 0;
    loop.run([&](std::int32_t left, std::int32_t right) {
      ++count;
      const std::int32_t a = loop.symbols[static_cast<std::size_t>(left)].id;
      const bool merges = a == loop.symbols[static_cast<std::size_t>(right)].id && a < 20;
      return merges ? Merge{static_cast<std::uint32_t>(a), a + 1} : Merge{};
    });
    return count;
  };
  for (const std::size_t n : {20u, 5000u, 200000u}) EXPECT_LT(look_ups(n), 4 * n) << n;
}

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
  const Tokenizer t = Tokenizer::from_json(json, {}, "base");
  EXPECT_EQ(t.encode(std::string(1000000, 'a')).size(), 1000000u);
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
  const Tokenizer t = Tokenizer::from_json(Json::parse(file, "many"), {}, "many");
  EXPECT_FALSE(t.encode("aaaa").empty());
}

}  // namespace
}  // namespace ttt
