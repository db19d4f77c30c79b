#include "text/tool_calls.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ttt {
namespace {

const std::vector<ToolName> kTools{{.name = "get_weather", .strings = {"city"}}, {.name = "add"}};

struct Read {
  std::string text = {};
  std::vector<ToolCall> calls = {};
  bool operator==(const Read&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Read& r) {
  out << "\"" << r.text << "\"";
  for (const ToolCall& c : r.calls) out << " " << c.name << c.arguments;
  return out;
}

void add(Read& read, const std::vector<ToolPiece>& pieces) {
  for (const ToolPiece& p : pieces) {
    read.text += p.text;
    if (p.call) read.calls.push_back(*p.call);
  }
}

// In pieces of that many bytes.
Read read(ToolFormat format, std::string_view answer, std::size_t step) {
  ToolCallParser parser(format, kTools);
  Read all;
  for (std::size_t i = 0; i < answer.size(); i += step) add(all, parser.push(answer.substr(i, step)));
  add(all, parser.finish());
  EXPECT_EQ(parser.calls(), std::ssize(all.calls));
  return all;
}

// The same in pieces of any size.
void expect(ToolFormat format, std::string_view answer, const Read& wanted) {
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{1000}}) {
    EXPECT_EQ(read(format, answer, step), wanted) << answer << " in pieces of " << step;
  }
}

void expect_text(ToolFormat format, std::string_view answer) { expect(format, answer, {.text = std::string(answer)}); }

const ToolCall kParis{.name = "get_weather", .arguments = R"({"city": "Paris"})"};
const ToolCall kSum{.name = "add", .arguments = R"({"a": 1, "b": [2, {}]})"};

TEST(ToolCalls, Hermes) {
  const auto f = ToolFormat::kHermes;
  expect_text(f, "No call, but <tool> and <tool_cal and  spaces. \n");
  expect(f, "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>",
         {.calls = {kParis}});
  expect(
      f,
      "I look.\n<tool_call>{\"name\": \"get_weather\", \"arguments\": \"{\\\"city\\\": \\\"Paris\\\"}\"}</tool_call>\n"
      "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 1, \"b\": [2, {}]}}</tool_call>\n",
      {.text = "I look.", .calls = {kParis, kSum}});
  // The end of a call may be the end of the answer.
  expect(f, "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}", {.calls = {kParis}});
}

TEST(ToolCalls, HermesOtherBodies) {
  const auto f = ToolFormat::kHermes;
  expect(f,
         "<tool_call>\n<function=get_weather>\n<parameter=city>\n12\n</parameter>\n<parameter=days>\n3\n</parameter>\n"
         "</function>\n</tool_call>",
         {.calls = {{.name = "get_weather", .arguments = R"({"city": "12", "days": 3})"}}});
  expect(f,
         "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>days</arg_key>\n"
         "<arg_value>[1]</arg_value>\n</tool_call>",
         {.calls = {{.name = "get_weather", .arguments = R"({"city": "Paris", "days": [1]})"}}});
}

TEST(ToolCalls, WhatIsNoCallIsText) {
  for (const char* body :
       {"{\"name\": \"get_weather\", \"arguments\": {\"city\": }}", "{\"name\": \"other\", \"arguments\": {}}", "{}",
        "", "{\"name\": \"add\", \"arguments\": [1]}", "{\"name\": 5}", "[]", "null", "{\"name\": \"add\"",
        "{\"name\": \"add\", \"name\": \"add\"}"}) {
    expect_text(ToolFormat::kHermes, "a <tool_call>" + std::string(body) + "</tool_call> b");
  }
  expect_text(ToolFormat::kMistral, "[TOOL_CALLS]get_weather");
  expect_text(ToolFormat::kLlama3, "{\"name\": \"other\", \"parameters\": {}}");
  expect_text(ToolFormat::kGranite, "<|tool_call|>[{\"name\": \"add\"");
  expect_text(ToolFormat::kCohere, "<|START_ACTION|>nothing<|END_ACTION|>");
  expect_text(ToolFormat::kDeepSeek, "<｜tool▁calls▁begin｜>x<｜tool▁calls▁end｜>");
}

TEST(ToolCalls, Llama3) {
  const auto f = ToolFormat::kLlama3;
  expect(f, "\n{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}", {.calls = {kParis}});
  expect(f,
         "<|python_tag|>{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}; {\"name\": \"add\", "
         "\"parameters\": {\"a\": 1, \"b\": [2, {}]}}",
         {.calls = {kParis, kSum}});
  expect_text(f, "It is {\"name\": \"get_weather\", \"parameters\": {}}");
  expect_text(f, "{\"a\": 1}");
}

TEST(ToolCalls, Mistral) {
  const auto f = ToolFormat::kMistral;
  expect(f, "[TOOL_CALLS] [{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}]", {.calls = {kParis}});
  expect(f,
         "[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Paris\"}[TOOL_CALLS]add[CALL_ID]1[ARGS]{\"a\": 1, \"b\": [2, {}]}",
         {.calls = {kParis, kSum}});
  expect(f, "Well.[TOOL_CALLS]get_weather{\"city\": \"Paris\"}", {.text = "Well.", .calls = {kParis}});
}

TEST(ToolCalls, Harmony) {
  const auto f = ToolFormat::kHarmony;
  expect(f, "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{\"city\": \"Paris\"}<|call|>",
         {.calls = {kParis}});
  expect(f, "<|channel|>commentary to=functions.get_weather<|message|>{\"city\": \"Paris\"}", {.calls = {kParis}});
  expect(f, " to=functions.get_weather<|channel|>commentary json<|message|>{\"city\": \"Paris\"}", {.calls = {kParis}});
  expect(f,
         "<|channel|>commentary<|message|>I look.<|end|><|channel|>commentary to=functions.add "
         "<|constrain|>json<|message|>{\"a\": 1, \"b\": [2, {}]}<|call|>",
         {.text = "I look.", .calls = {kSum}});
}

TEST(ToolCalls, DeepSeek) {
  const auto f = ToolFormat::kDeepSeek;
  expect(f,
         "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": "
         "\"Paris\"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{\"a\": 1, "
         "\"b\": [2, "
         "{}]}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
         {.calls = {kParis, kSum}});
  expect(f,
         "See.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": "
         "\"Paris\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
         {.text = "See.", .calls = {kParis}});
}

TEST(ToolCalls, CohereAndGranite) {
  expect(ToolFormat::kCohere,
         "<|START_ACTION|>[\n{\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \"parameters\": {\"city\": "
         "\"Paris\"}}\n]<|END_ACTION|>",
         {.calls = {kParis}});
  expect(ToolFormat::kCohere,
         "Action: ```json\n[{\"tool_name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}]\n```",
         {.calls = {kParis}});
  expect(ToolFormat::kGranite,
         "<|tool_call|>[{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}, {\"name\": \"add\", "
         "\"arguments\": {\"a\": 1, \"b\": [2, {}]}}]",
         {.calls = {kParis, kSum}});
  expect(ToolFormat::kGranite,
         "<function_call> {\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}} <function_call> {\"name\": "
         "\"add\", \"arguments\": {\"a\": 1, \"b\": [2, {}]}}",
         {.calls = {kParis, kSum}});
}

TEST(ToolCalls, FormatsOfTemplates) {
  EXPECT_EQ(find_tool_format("{{ '<tool_call>' }}"), ToolFormat::kHermes);
  EXPECT_EQ(find_tool_format("<|python_tag|>"), ToolFormat::kLlama3);
  EXPECT_EQ(find_tool_format("[TOOL_CALLS] [AVAILABLE_TOOLS]"), ToolFormat::kMistral);
  EXPECT_EQ(find_tool_format("<|channel|>commentary to=functions."), ToolFormat::kHarmony);
  EXPECT_EQ(find_tool_format("<｜tool▁calls▁begin｜>"), ToolFormat::kDeepSeek);
  EXPECT_EQ(find_tool_format("<|START_ACTION|>"), ToolFormat::kCohere);
  EXPECT_EQ(find_tool_format("<|tool_call|>"), ToolFormat::kGranite);
  EXPECT_EQ(find_tool_format("{% for m in messages %}{{ m.content }}{% endfor %}"), std::nullopt);
}

}  // namespace
}  // namespace ttt
