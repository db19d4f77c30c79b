#include "base/fields.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "base/context.h"
#include "base/step.h"

namespace ttt {
namespace {

struct Circle {
  static constexpr std::string_view kName = "circle";
  double radius = 1;
  bool operator==(const Circle&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("radius", self.radius); }
};
struct Square {
  static constexpr std::string_view kName = "square";
  std::int64_t side = 2;
  bool operator==(const Square&) const = default;
  static void visit_fields(auto& self, auto&& visit) { visit("side", self.side); }
};
struct Everything {
  bool flag = false;
  std::int32_t small = 0;
  std::uint8_t byte = 0;
  std::int64_t number = 0;
  float real = 0;
  std::string name = {};
  Format format = Format::kF32;
  Strategy strategy = Strategy::kDefault;
  std::optional<std::int64_t> maybe = {};
  Visible nested = {};
  std::variant<Circle, Square> shape = {};
  std::vector<Square> list = {};
  std::vector<std::vector<std::int64_t>> table = {};

  bool operator==(const Everything&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("flag", self.flag);
    visit("small", self.small);
    visit("byte", self.byte);
    visit("number", self.number);
    visit("real", self.real);
    visit("name", self.name);
    visit("format", self.format);
    visit("strategy", self.strategy);
    visit("maybe", self.maybe);
    visit("nested", self.nested);
    visit("shape", self.shape);
    visit("list", self.list);
    visit("table", self.table);
  }
};

Everything full() {
  return {.flag = true,
          .small = -7,
          .byte = 255,
          .number = INT64_MIN,
          .real = 0.1F,
          .name = "a \"b\"",
          .format = Format::kQ4_K,
          .strategy = Strategy::kInvariant,
          .maybe = 3,
          .nested = {.behind = 7, .chunk = 8},
          .shape = Square{9},
          .list = {{1}, {2}},
          .table = {{1, 2}, {}}};
}

TEST(Fields, EveryKindGoesThroughJson) {
  for (const Everything& e : {Everything(), full()}) {
    Everything back = full();
    from_json(back, Json::parse(to_json(e).dump(), "e"), "e");
    EXPECT_EQ(back, e) << to_json(e).dump(2);
  }
}

TEST(Fields, OnlyWhatIsNamedIsSet) {
  Everything e = full(), wanted = e;
  from_json(e, Json::parse(R"({"nested": {"ahead": 4}, "maybe": null, "shape": {"kind": "square"}})", "e"), "e");
  wanted.nested.ahead = 4;
  wanted.maybe.reset();
  EXPECT_EQ(e, wanted);
  from_json(e, Json::parse(R"({"shape": {"kind": "circle", "radius": 3}})", "e"), "e");
  wanted.shape = Circle{3};
  EXPECT_EQ(e, wanted);
}

std::string error_of(std::string_view json) {
  Everything e;
  try {
    from_json(e, Json::parse(json, "e"), "e");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(Fields, RefusesUnknownNames) {
  EXPECT_EQ(error_of(R"({"nested": {"behnid": 1}})"),
            "e.nested has no field \"behnid\"; it has behind, ahead, pinned, chunk");
  EXPECT_EQ(error_of(R"({"shape": {"kind": "line"}})"), "e.shape.kind has no alternative \"line\"");
  EXPECT_EQ(error_of(R"({"shape": {"kind": "circle", "side": 1}})"), "e.shape has no field \"side\"; it has radius");
  EXPECT_EQ(error_of(R"({"strategy": "fast"})"),
            "e.strategy wanted one of default, performance, accuracy, memory, reference, invariant, got \"fast\"");
  EXPECT_EQ(error_of("[]"), "e wanted an object, got array");
}

TEST(Fields, RefusesOtherTypes) {
  EXPECT_EQ(error_of(R"({"flag": 1})"), "e.flag wanted bool, got integer");
  EXPECT_EQ(error_of(R"({"number": "1"})"), "e.number wanted integer, got string");
  EXPECT_EQ(error_of(R"({"name": 1})"), "e.name wanted string, got integer");
  EXPECT_EQ(error_of(R"({"list": {}})"), "e.list wanted array, got object");
  EXPECT_EQ(error_of(R"({"nested": 1})"), "e.nested wanted an object, got integer");
  EXPECT_EQ(error_of(R"({"strategy": 1})"), "e.strategy wanted string, got integer");
  EXPECT_NE(error_of(R"({"shape": {}})"), "accepted");
}

TEST(Fields, RefusesNumbersThatDoNotFit) {
  for (const std::string_view json : {R"({"small": 2147483648})", R"({"small": -2147483649})", R"({"byte": 256})",
                                      R"({"byte": -1})", R"({"number": 9223372036854775808})", R"({"small": 1.5})"}) {
    EXPECT_NE(error_of(json), "accepted") << json;
  }
}

}  // namespace
}  // namespace ttt
