#include "runtime/engine/stop_texts.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "engine/engine_world.h"
#include "runtime/engine/stopped_text.h"

namespace ttt::engine_tests {
namespace {

// The text before the stop text that is complete first, of those that are complete at the same byte the longest.
std::string cut(const std::string& text, const std::vector<std::string>& stops, std::string& by) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    const std::string* best = nullptr;
    for (const std::string& s : stops) {
      if (text.substr(0, end).ends_with(s) && (best == nullptr || s.size() > best->size())) best = &s;
    }
    if (best == nullptr) continue;
    by = *best;
    return text.substr(0, end - best->size());
  }
  return text;
}

TEST(StopTexts, FindTheFirstInAnyText) {
  Draws draws(3);
  const auto word = [&](std::int64_t most) {
    std::string s;
    for (std::int64_t i = 1 + draws.below(most); i > 0; --i) s.push_back(static_cast<char>('a' + draws.below(2)));
    return s;
  };
  const Tokenizer tokenizer = byte_tokenizer();
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> stops;
    for (std::int64_t i = draws.below(4); i >= 0; --i) stops.push_back(word(6));
    const std::string text = word(40);
    const StopTexts automaton(stops);
    StoppedText out(tokenizer, true, {}, automaton, false);
    std::string got, by, wanted = cut(text, stops, by);
    for (const char c : text) {
      if (!out.stopped_by()) got += out.push(c, true);
      EXPECT_TRUE(wanted.starts_with(got)) << "nothing of a stop text is given out";
    }
    if (!out.stopped_by()) got += out.finish(true);
    EXPECT_EQ(got, wanted) << text;
    EXPECT_EQ(out.stopped_by().value_or(""), by) << text;
  }
}

TEST(StopTexts, AreManyAndLong) {
  std::vector<std::string> stops;
  for (int i = 0; i < 10'000; ++i) stops.push_back(text("stop ", i, ", which is number ", i));
  const StopTexts automaton(stops);
  std::int32_t state = 0;
  for (const char c : std::string("a stop 99, which is number 9")) state = automaton.next(state, c);
  EXPECT_EQ(automaton.match(state), -1);
  EXPECT_EQ(automaton.depth(state), 26);
  state = automaton.next(state, '9');
  EXPECT_EQ(automaton.match(state), 99);
}

TEST(StopTexts, AreCharacters) {
  const auto message = [](const std::string& stop) -> std::string {
    try {
      StopTexts stops(std::vector<std::string>{stop});
    } catch (const Error& e) {
      return e.what();
    }
    return {};
  };
  EXPECT_EQ(message(""), "stop wanted texts of at least one character, got an empty one");
  EXPECT_EQ(message("\xE2\x82"), "stop wanted texts of valid UTF-8, got another one");
}

}  // namespace
}  // namespace ttt::engine_tests
