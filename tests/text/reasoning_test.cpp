#include "text/reasoning.h"

#include <gtest/gtest.h>

namespace ttt {
namespace {

using Pieces = std::vector<AnswerPiece>;

constexpr const char* kThinks = "{{ content.split('</think>')[-1] }}";
constexpr const char* kChannels = "<|start|>assistant<|channel|>analysis<|message|>{{ m.thinking }}<|end|>";

// Reasoning and answer of a text that comes in parts of `width` bytes.
std::pair<std::string, std::string> split(const std::optional<ReasoningMarks>& marks, std::string_view text,
                                          std::size_t width, bool within = false) {
  ReasoningSplitter splitter(marks, within);
  std::string reasoning, answer;
  const auto keep = [&](const Pieces& pieces) {
    for (const AnswerPiece& piece : pieces) (piece.reasoning ? reasoning : answer) += piece.text;
  };
  for (std::size_t i = 0; i < text.size(); i += width) keep(splitter.push(text.substr(i, width)));
  keep(splitter.finish());
  return {reasoning, answer};
}

TEST(Reasoning, MarksAreThoseThatTheTemplateNames) {
  EXPECT_FALSE(find_reasoning_marks("{{ m.content }} thinks <think").has_value());
  const auto think = find_reasoning_marks(kThinks);
  ASSERT_TRUE(think.has_value());
  EXPECT_EQ(think->open, "<think>");
  EXPECT_EQ(think->close, "</think>");
  EXPECT_TRUE(think->dropped.empty());
  EXPECT_EQ(find_reasoning_marks("[THINK]{{ m.reasoning }}[/THINK]")->close, "[/THINK]");
  EXPECT_EQ(find_reasoning_marks(kChannels)->open, "<|channel|>analysis<|message|>");
}

TEST(Reasoning, IsToldApartHoweverTheTextIsCut) {
  const auto think = find_reasoning_marks(kThinks), channels = find_reasoning_marks(kChannels);
  using Both = std::pair<std::string, std::string>;
  for (std::size_t width = 1; width < 40; ++width) {
    EXPECT_EQ(split(think, "<think>\nWell <b>.\n</think>\n\nYes, 1 < 2.\n", width),
              Both("Well <b>.\n", "Yes, 1 < 2.\n"));
    EXPECT_EQ(split(think, "No marks, only a <", width), Both("", "No marks, only a <"));
    // The prompt has opened it already.
    EXPECT_EQ(split(think, "Well.</think>Yes", width, true), Both("Well.", "Yes"));
    EXPECT_EQ(split(think, "cut in the mid</thi", width, true), Both("cut in the mid</thi", ""));
    // An answer about the marks.
    EXPECT_EQ(split(think, "Use <think> and </think>.", width), Both("", "Use <think> and </think>."));
    EXPECT_EQ(split(think, "<think>a</think><think>b</think>c", width), Both("ab", "c"));
    EXPECT_EQ(split(channels,
                    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", width),
              Both("Hm.", "Yes."));
    EXPECT_EQ(split(channels, "<|channel|>final<|message|>Yes.", width), Both("", "Yes."));
    EXPECT_EQ(split({}, " <think>a</think> b", width), Both("", " <think>a</think> b"));
  }
}

TEST(Reasoning, WhatIsKnownComesAtOnce) {
  ReasoningSplitter splitter(find_reasoning_marks(kThinks));
  EXPECT_EQ(splitter.push("<think>a"), (Pieces{{true, "a"}}));
  EXPECT_EQ(splitter.push("b <"), (Pieces{{true, "b "}}));
  EXPECT_EQ(splitter.push("c</think> d"), (Pieces{{true, "<c"}, {false, "d"}}));
  EXPECT_EQ(splitter.push("e"), (Pieces{{false, "e"}}));
  EXPECT_EQ(splitter.finish(), Pieces());
}

TEST(Reasoning, APromptOpensItUnlessItClosesItToo) {
  const ReasoningMarks think{.open = "<think>", .close = "</think>"};
  EXPECT_TRUE(ends_in_reasoning(think, "<|assistant|><think>\n"));
  EXPECT_FALSE(ends_in_reasoning(think, "<|assistant|><think>\n\n</think>\n\n"));
  EXPECT_FALSE(ends_in_reasoning(think, "<|assistant|>"));
  EXPECT_TRUE(ends_in_reasoning(think, "</think><think>"));
}

TEST(Reasoning, TokensOfMarksAreKnown) {
  const ReasoningSplitter channels(find_reasoning_marks(kChannels)), none;
  EXPECT_TRUE(channels.in_marks("<|channel|>"));
  EXPECT_TRUE(channels.in_marks("<|start|>"));
  EXPECT_FALSE(channels.in_marks("<|return|>"));
  EXPECT_FALSE(channels.in_marks(""));
  EXPECT_FALSE(none.in_marks("<|channel|>"));
}

}  // namespace
}  // namespace ttt
