#include <gtest/gtest.h>

#include <functional>

#include "base/error.h"
#include "text/grammar/grammar.h"

namespace ttt {
namespace {

using Texts = std::vector<std::string>;

Grammar schema_grammar(std::string_view schema, JsonSpace space = JsonSpace::kSpaced) {
  return json_schema_grammar(Json::parse(schema, "schema"), {.where = "schema", .space = space});
}

void expect_language(std::string_view schema, const Texts& accepted, const Texts& refused) {
  SCOPED_TRACE(schema);
  const Grammar grammar = schema_grammar(schema);
  for (const std::string& text : accepted) EXPECT_TRUE(grammar.accepts(text)) << text;
  for (const std::string& text : refused) EXPECT_FALSE(grammar.accepts(text)) << text;
}

void expect_refusal(std::string_view schema, ErrorKind kind, const Texts& parts) {
  SCOPED_TRACE(schema);
  try {
    schema_grammar(schema);
    ADD_FAILURE() << "nothing was refused";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    for (const std::string& part : parts) EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

TEST(JsonSchema, Objects) {
  expect_language(R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]})",
                  {R"({"a":1})", R"({"a":-20, "b":"x"})", R"({"a": 0,"b": ""})"},
                  {R"({})", R"({"b":"x"})", R"({"b":"x","a":1})", R"({"a":1,"c":2})", R"({"a":01})", R"({"a":1 })",
                   R"({"a":1.0})"});
  expect_language(R"({"properties":{"a":{"const":1},"b":{"const":2},"c":{"const":3}}})",
                  {"{}", R"({"a":1})", R"({"b":2})", R"({"c":3})", R"({"a":1,"c":3})", R"({"a":1,"b":2,"c":3})"},
                  {R"({,"b":2})", R"({"b":2,})", R"({"c":3,"a":1})"});
  expect_language(R"({"type":"object"})", {"{}", R"({"x":[{"y":null}],"z":1.5e3})"}, {"[]", "1"});
  expect_language(
      R"({"type":"object","additionalProperties":{"type":"boolean"},"properties":{"ab":{"const":1}},"required":["q"]})",
      {R"({"q":true})", R"({"ab":1,"q":false,"a":true,"abc":true})"},
      {R"({"ab":1})", R"({"q":true,"ab":true})", R"({"q":true,"x":1})"});
  expect_language(R"({"type":"object","additionalProperties":false})", {"{}"}, {R"({"a":1})"});
}

TEST(JsonSchema, ArraysAndLists) {
  expect_language(R"({"type":"array","items":{"enum":["a",1,null,[true,{"k":"v"}]]},"minItems":1,"maxItems":3})",
                  {R"(["a"])", R"([1, null,[true,{"k": "v"}]])"}, {"[]", "[1,1,1,1]", "[2]", R"(["a",])"});
  expect_language(R"({"prefixItems":[{"const":1},{"const":2}],"items":{"const":3}})",
                  {"[]", "[1]", "[1,2]", "[1,2,3,3]"}, {"[2]", "[1,3]", "[1,2,2]"});
  expect_language(R"({"prefixItems":[{"const":1},{"const":2}],"items":false,"minItems":1})", {"[1]", "[1,2]"},
                  {"[]", "[1,2,3]"});
  expect_language(R"({"type":"array","minItems":2})", {"[1,2]", "[[],{},3]"}, {"[1]"});
}

TEST(JsonSchema, StringsAndNumbers) {
  expect_language(R"({"type":"string","minLength":2,"maxLength":3})",
                  {R"("ab")", "\"\xC3\xA9\xF0\x9F\x98\x80z\"", R"("\n\u00e9")", R"("\ud83d\ude00a")"},
                  {R"("a")", R"("abcd")", R"("\ud83da")", "\"a\nb\""});
  expect_language(R"({"type":"string","pattern":"^[a-c\"\\\\\n]+$"})", {R"("abc")", R"("a\"b\\\n")"},
                  {R"("")", R"("d")", "\"a\n\""});
  expect_language(R"({"type":"string","pattern":"b+","maxLength":4})", {R"("b")", R"("abba")", R"("xxxb")"},
                  {R"("a")", R"("aabba")"});
  expect_language(R"({"type":"string","format":"date"})", {R"("2024-02-29")", R"("1999-12-31")"},
                  {R"("2023-02-29")", R"("1900-02-29")", R"("2023-13-01")"});
  expect_language(R"({"type":"integer","minimum":-3,"exclusiveMaximum":12})", {"-3", "0", "11", "9"},
                  {"-4", "12", "100", "1.5", "00"});
  expect_language(R"({"type":"integer","minimum":1997})", {"1997", "2000", "10000"}, {"1996", "-1997", "999"});
  expect_language(R"({"type":"number","minimum":0.25,"maximum":10.5})", {"0.25", "0.3", "10.5", "10.50", "9.999", "1"},
                  {"0.2", "0", "10.51", "11", "-1", "1e1"});
  expect_language(R"({"type":"number","exclusiveMinimum":-1.5,"exclusiveMaximum":0})", {"-1.4", "-0.1", "-1"},
                  {"-1.5", "-2", "0", "0.1", "-0"});
  expect_language(R"({"type":"number"})", {"0", "-1.5", "1e5", "12.25E-10"}, {"01", "1.", ".5", "+1", "1e500"});
}

TEST(JsonSchema, CountsAndMultiples) {
  expect_language(R"({"type":"object","minProperties":1,"maxProperties":2,"additionalProperties":{"const":1}})",
                  {R"({"a":1})", R"({"a":1, "b":1})"}, {"{}", R"({"a":1,"b":1,"c":1})", R"({"a":2})"});
  expect_language(R"({"type":"object","minProperties":2})", {R"({"a":1,"b":{}})", R"({"a":1,"b":{},"c":0})"},
                  {R"({"a":1})"});
  expect_language(R"({"type":"object","maxProperties":0})", {"{}"}, {R"({"a":1})"});
  expect_language(R"({"type":"integer","multipleOf":7})", {"0", "7", "-14", "700007"},
                  {"1", "8", "7.0", "--7", "-", ""});
  expect_language(R"({"type":"number","multipleOf":25,"minimum":30,"exclusiveMaximum":150})", {"50", "125"},
                  {"25", "150", "60"});
  expect_language(R"({"type":"string","format":"uri"})", {R"("https://example.org:8080/a%20b/?q=1&r")", R"("ftp://x")"},
                  {R"("example.org")", R"("https://")", R"("https://a b")"});
}

TEST(JsonSchema, CombinationsAndReferences) {
  expect_language(R"({"anyOf":[{"type":"integer"},{"type":"null"}]})", {"1", "null"}, {"true"});
  expect_language(R"({"type":["string","null"],"maxLength":1})", {"null", R"("a")"}, {"1", R"("ab")"});
  expect_language(R"({"type":"integer","nullable":true})", {"null", "5"}, {"true"});
  expect_language(
      R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"v":{"const":0},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["v","next"]}}})",
      {R"({"v":0,"next":null})", R"({"v":0,"next":{"v":0,"next":{"v":0,"next":null}}})"}, {R"({"v":0,"next":{}})"});
  expect_language(R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect_language(
      R"({"allOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"type":"integer","minimum":3}}},{"properties":{"b":{"maximum":4}}}]})",
      {R"({"a":1})", R"({"a":1,"b":3})"}, {R"({"b":3})", R"({"a":1,"b":5})"});
  expect_language(
      R"({"type":"object","properties":{"a":{"const":1},"b":{"const":2}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
      {R"({"a":1})", R"({"b":2})", R"({"a":1,"b":2})"}, {"{}"});
  expect_language(R"({"properties":{"next":{"$ref":"#","nullable":true}},"required":["next"]})",
                  {R"({"next":{"next":null}})"}, {R"({"next":{}})"});
  expect_language("true", {"1", "[{}]"}, {""});
}

TEST(JsonSchema, WhiteSpaceIsBounded) {
  const std::string_view schema = R"({"properties":{"a":{"type":"array","items":{"const":1}}}})";
  const Grammar compact = schema_grammar(schema, JsonSpace::kCompact), spaced = schema_grammar(schema);
  const Grammar indented = schema_grammar(schema, JsonSpace::kIndented);
  for (const Grammar& g : {compact, spaced, indented}) EXPECT_TRUE(g.accepts(R"({"a":[1,1]})"));
  EXPECT_FALSE(compact.accepts(R"({"a": [1,1]})"));
  EXPECT_TRUE(spaced.accepts(R"({"a": [1, 1]})"));
  EXPECT_FALSE(spaced.accepts(R"({"a":  [1,1]})"));
  EXPECT_FALSE(spaced.accepts("{ \"a\":[1]}"));
  EXPECT_TRUE(indented.accepts("{\n  \"a\": [\n    1,\n    1\n  ]\n}"));
  EXPECT_FALSE(indented.accepts("{\n" + std::string(21, ' ') + "\"a\": [1]}"));
  EXPECT_FALSE(indented.accepts("{\n\n\"a\": [1]}"));
}

TEST(JsonSchema, RefusesByNameAndPath) {
  const ErrorKind unsupported = ErrorKind::kUnsupported, bad = ErrorKind::kBadData;
  expect_refusal(R"({"properties":{"x/y":{"not":{}}}})", unsupported, {"schema: #/properties/x~1y: the keyword not"});
  for (const std::string k :
       {"if", "patternProperties", "propertyNames", "uniqueItems", "contains", "dependentRequired", "nonsense"}) {
    expect_refusal(text(R"({"items":{")", k, R"(":true}})"), unsupported, {"#/items: the keyword " + k});
  }
  expect_refusal(R"({"type":"string","format":"phone"})", unsupported, {"#: the format phone"});
  expect_refusal(R"({"type":"string","pattern":"(a)\\1"})", unsupported, {"#/pattern", "back-reference"});
  expect_refusal(R"({"properties":{"a":{}},"maxProperties":1})", unsupported,
                 {"maxProperties of an object with named"});
  expect_refusal(R"({"type":"number","multipleOf":0.1})", unsupported, {"multipleOf 0.1"});
  expect_refusal(R"({"type":"thing"})", bad, {"type thing"});
  expect_refusal(R"({"$ref":"other.json"})", unsupported, {"#/$ref", "other.json"});
  expect_refusal(R"({"$ref":"#/$defs/none"})", bad, {"nothing is at #/$defs/none"});
  expect_refusal(R"({"enum":[1],"minimum":3})", unsupported, {"minimum beside enum"});
  expect_refusal(R"({"enum":["a"],"type":"integer"})", bad, {"leave no value"});
  expect_refusal(R"({"type":"string","minLength":3,"maxLength":2})", bad, {"minLength 3 is above maxLength 2"});
  expect_refusal(R"({"type":"string","minLength":-1})", bad, {"minLength"});
  expect_refusal(R"({"type":"integer","minimum":5,"maximum":3})", bad, {"text of finite length"});
  expect_refusal(R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})", bad, {"# wanted a text of finite length"});
  expect_refusal(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", bad, {"left-recursive"});
  expect_refusal(R"({"allOf":[{"$ref":"#"}]})", bad, {"references and allOf within each other"});
  expect_refusal(R"({"allOf":[{"type":"string"},{"type":"integer"}]})", bad, {"no type is left"});
  expect_refusal(R"({"allOf":[{"format":"date"},{"format":"time"}]})", unsupported,
                 {"joining two schemas with format"});
  expect_refusal(R"([])", bad, {"wanted a schema (an object), got array"});
  expect_refusal(R"({"additionalProperties":false,"required":["a"]})", bad, {"the property a is required"});
  expect_refusal(R"({"type":"string","maxLength":100000000})", bad, {"a repetition wanted at most"});
}

// RELIABILITY.md, 96.
TEST(JsonSchema, HugeAndDeepOnesAreRefusedQuickly) {
  Json deep(Json::Object{{"type", "string"}});
  for (int i = 0; i < 1000; ++i) deep = Json(Json::Object{{"items", std::move(deep)}});
  try {
    json_schema_grammar(deep);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadData);
    EXPECT_NE(std::string(e.what()).find("values within each other"), std::string::npos) << e.what();
  }
  // Eight fields of which each holds eight of the next: 8^12 without rules of their own, small with them.
  std::string layers = R"({"$ref":"#/$defs/d0","$defs":{"d12":{"const":1})";
  std::string inlined = R"({"const":1})";
  for (int i = 0; i < 12; ++i) {
    layers += text(",\"d", i, R"(":{"properties":{)");
    std::string fields;
    for (int f = 0; f < 8; ++f) fields += text(f > 0 ? "," : "", "\"f", f, R"(":{"$ref":"#/$defs/d)", i + 1, "\"}");
    layers += fields + "}}";
  }
  const Grammar grammar = schema_grammar(layers + "}}");
  EXPECT_TRUE(grammar.accepts(R"({"f1":{"f2":{}},"f7":{}})"));
  EXPECT_FALSE(grammar.accepts(R"({"f1":{"f8":{}}})"));
  // allOf that doubles what it joins.
  std::string doubling = R"({"$ref":"#/$defs/a0","$defs":{"a25":{"type":"object"})";
  for (int i = 0; i < 25; ++i) {
    doubling += text(",\"a", i, R"(":{"allOf":[{"$ref":"#/$defs/a)", i + 1, R"("},{"$ref":"#/$defs/a)", i + 1, "\"}]}");
  }
  expect_refusal(doubling + "}}", ErrorKind::kBadData, {"joining schemas wanted at most"});
}

TEST(ToolCalls, ForcedAndOptional) {
  const std::vector<Tool> tools{
      {"get_weather",
       Json::parse(R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})", "")},
      {"now", Json()}};
  const ToolCallMarks marks{.call_begin = "<tool_call>\n{\"name\": \"",
                            .name_end = "\", \"arguments\": ",
                            .call_end = "}\n</tool_call>",
                            .between = "\n"};
  const std::string weather =
      "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Bonn\"}}\n</tool_call>";
  const std::string now = "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>";
  const Grammar forced = tool_call_grammar(tools, marks);
  EXPECT_TRUE(forced.accepts(weather));
  EXPECT_TRUE(forced.accepts(now));
  EXPECT_FALSE(forced.accepts(now + "\n" + now));
  EXPECT_FALSE(forced.accepts("hello"));
  EXPECT_FALSE(forced.accepts("<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_FALSE(forced.accepts("<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {}}\n</tool_call>"));
  const Grammar free = tool_call_grammar(tools, marks, {.several = true, .trigger = "<tool_call>"});
  for (const std::string& text :
       Texts{"", "Hello <tool>", "<<tool_call", now, "Let me see. <" + weather + "\n" + now}) {
    EXPECT_TRUE(free.accepts(text)) << text;
  }
  for (const std::string& text : Texts{"<tool_call>", "x<tool_call> y", now + " and", "<<tool_call>\n{}"}) {
    EXPECT_FALSE(free.accepts(text)) << text;
  }
  EXPECT_THROW(tool_call_grammar({}, marks), Error);
  EXPECT_THROW(tool_call_grammar(tools, marks, {.trigger = "[CALL]"}), Error);
  try {
    tool_call_grammar({{"f", Json::parse(R"({"not":{}})", "")}}, marks, {}, {.where = "tools"});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "tools: tool f: #: the keyword not is not supported");
  }
}

}  // namespace
}  // namespace ttt
