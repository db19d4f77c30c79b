#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace ttt {
namespace {

Json parse(std::string_view s) { return Json::parse(s, "file"); }

std::string message_of(std::string_view s, const JsonLimits& limits = {}) {
  try {
    Json::parse(s, "file", limits);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadData);
    return e.what();
  }
  return "accepted";
}

TEST(Json, ReadsEveryType) {
  const Json j = parse(R"( {"a": [1, -2.5, true, false, null], "b": {"c": "x\n\u00e9\ud83d\ude00\/"}} )");
  const auto& a = j.at("a", "").as_array("");
  EXPECT_EQ(a[0].as_integer(""), 1);
  EXPECT_EQ(a[1].as_number(""), -2.5);
  EXPECT_TRUE(a[2].as_bool(""));
  EXPECT_FALSE(a[3].as_bool(""));
  EXPECT_TRUE(a[4].is_null());
  EXPECT_EQ(j.at("b", "").at("c", "").as_string(""), "x\n\xC3\xA9\xF0\x9F\x98\x80/");
  EXPECT_EQ(j.find("z"), nullptr);
}

TEST(Json, NumbersAsPythonReadsThem) {
  EXPECT_TRUE(std::isnan(parse("NaN").as_number("")));
  EXPECT_EQ(parse("Infinity").as_number(""), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse("-Infinity").as_number(""), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse("9223372036854775807").as_integer(""), std::numeric_limits<std::int64_t>::max());
  EXPECT_TRUE(parse("-9223372036854775808").is_integer());
  EXPECT_FALSE(parse("9223372036854775808").is_integer());
  EXPECT_EQ(parse("100000000000000000000").as_number(""), 1e20);
  EXPECT_EQ(parse("1e999").as_number(""), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse("-1e-999").as_number(""), 0.0);
  EXPECT_EQ(parse(std::string(400, '9') + "e0").as_number(""), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parse("0." + std::string(400, '0') + "1").as_number(""), 0.0);
  EXPECT_EQ(parse("3.0").as_integer(""), 3);
  EXPECT_THROW(parse("3.5").as_integer(""), Error);
  EXPECT_THROW(parse("1e30").as_integer(""), Error);
}

TEST(Json, RefusesWhatIsNotJson) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "file: not JSON at byte 0: wanted a value"},
      {"[1,]", "wanted a value"},
      {"[1 2]", "wanted ',' or ']'"},
      {"{\"a\":1,}", "wanted a key"},
      {"{\"a\" 1}", "wanted ':'"},
      {"{\"a\":1 \"b\"}", "wanted ',' or '}'"},
      {"{a:1}", "wanted a key"},
      {"01", "a number starts with 0"},
      {"-", "wanted a value"},
      {"+1", "wanted a value"},
      {"1.", "wanted a digit"},
      {".5", "wanted a value"},
      {"1e", "wanted a digit"},
      {"nul", "wanted a value"},
      {"Nan", "wanted a value"},
      {"tru", "wanted a value"},
      {"fals", "wanted a value"},
      {"Inf", "wanted a value"},
      {"1 1", "text after the end"},
      {"\"abc", "unfinished string"},
      {"\"a\nb\"", "a control character"},
      {"\"\\x\"", "unknown escape"},
      {"\"\\u12g4\"", "four hexadecimal"},
      {"\"\\u12", "four hexadecimal"},
      {"\"\\ud800\"", "high surrogate without"},
      {"\"\\ud800\\u0041\"", "high surrogate without"},
      {"\"\\udc00\"", "low surrogate without"},
      {"\"\xFF\"", "invalid UTF-8"},
      {"\"\xC0\x80\"", "invalid UTF-8"},
      {"\"\xE0\x80\x80\"", "invalid UTF-8"},
      {"\"\xED\xA0\x80\"", "invalid UTF-8"},
      {"\"\xF4\x90\x80\x80\"", "invalid UTF-8"},
      {"\"\xE2\x82\"", "invalid UTF-8"},
      {"\xEF\xBB\xBF{}", "byte order mark"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "duplicate key \"a\""},
      {"{\"a\":1,\"\\u0061\":3}", "duplicate key \"a\""},
      {std::string(65, '[') + std::string(65, ']'), "nested deeper than 64"},
      {std::string(1000000, '['), "nested deeper than 64"},
  };
  for (const auto& [input, expected] : cases) {
    EXPECT_NE(message_of(input).find(expected), std::string::npos)
        << input.substr(0, 80) << " -> " << message_of(input);
  }
  EXPECT_EQ(message_of(std::string(64, '[') + std::string(64, ']')), "accepted");
}

TEST(Json, SizeLimitIsNamed) {
  EXPECT_EQ(message_of("[1, 2]", {.bytes = 5}), "file: wanted at most 5 bytes of JSON, got 6");
  EXPECT_EQ(message_of("[1, 2]", {.bytes = 6}), "accepted");
}

TEST(Json, IntegersBeyond64BitsAreDoublesOrRefused) {
  for (const std::string_view s : {"9223372036854775808", "-9223372036854775809", "[1, 100000000000000000000]"}) {
    EXPECT_EQ(message_of(s), "accepted") << s;
    EXPECT_NE(message_of(s, {.wide_integers = false}).find(": an integer is beyond 64 bits"), std::string::npos) << s;
  }
  // What has a fraction or an exponent is no integer, however large.
  for (const std::string_view s : {"9223372036854775807", "-9223372036854775808", "1e30", "9223372036854775808.0"}) {
    EXPECT_EQ(message_of(s, {.wide_integers = false}), "accepted") << s;
  }
}

TEST(Json, WrongTypesAreNamed) {
  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  };
  const Json one(1);
  EXPECT_EQ(message([&] { one.as_bool("f k"); }), "f k wanted bool, got integer");
  EXPECT_EQ(message([&] { one.as_string("f k"); }), "f k wanted string, got integer");
  EXPECT_EQ(message([&] { one.as_array("f k"); }), "f k wanted array, got integer");
  EXPECT_EQ(message([&] { one.as_object("f k"); }), "f k wanted object, got integer");
  EXPECT_EQ(message([&] { Json("s").as_number("f k"); }), "f k wanted number, got string");
  EXPECT_EQ(message([&] { Json("s").as_integer("f k"); }), "f k wanted integer, got string");
  EXPECT_EQ(message([&] { Json(0.5).as_integer("f k"); }), "f k wanted integer, got 0.5");
  EXPECT_EQ(message([&] { parse("{}").at("key", "f"); }), "f lacks \"key\"");
  EXPECT_EQ(message([&] { Json(one).set("a", 1); }), "Json::set wanted object, got integer");
  EXPECT_EQ(message([&] { Json(one).push(1); }), "Json::push wanted array, got integer");
}

TEST(Json, DumpsAsPython) {
  Json j;
  j.set("a", Json(Json::Array{1, 2.0, 1e16, 1e-5, 0.1, 100000.0, true, nullptr}));
  j.set("b", Json("q\"\\\n\x01\xC3\xA9\xFF"));
  j.set("c", Json(Json::Array{}));
  j.set("a2", Json(Json::Object{}));
  EXPECT_EQ(j.dump(),
            "{\"a\": [1, 2.0, 1e+16, 1e-05, 0.1, 100000.0, true, null], "
            "\"b\": \"q\\\"\\\\\\n\\u0001\xC3\xA9\xEF\xBF\xBD\", \"c\": [], \"a2\": {}}");
  EXPECT_EQ(parse("[1,{\"a\":2}]").dump(2), "[\n  1,\n  {\n    \"a\": 2\n  }\n]");
  EXPECT_EQ(parse("[NaN,-Infinity,Infinity]").dump(), "[NaN, -Infinity, Infinity]");
  EXPECT_EQ(Json(-0.0).dump(), "-0.0");
}

TEST(Json, SetReplacesAndPushAppends) {
  Json j;
  j.set("a", 1);
  j.set("a", 2);
  EXPECT_EQ(j.dump(), "{\"a\": 2}");
  Json list;
  list.push(1);
  list.push("x");
  EXPECT_EQ(list.dump(), "[1, \"x\"]");
}

TEST(Json, LargeObjectsStayFast) {
  std::string s = "{";
  for (int i = 0; i < 256000; ++i) s += text(i == 0 ? "" : ",", "\"token", i, "\":", i);
  s += "}";
  EXPECT_EQ(parse(s).as_object("").size(), 256000u);
  s.pop_back();
  EXPECT_NE(message_of(s + ",\"token77\":1}").find("duplicate key \"token77\""), std::string::npos);
}

}  // namespace
}  // namespace ttt
