#include "checkpoint/safetensors.h"

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>

#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::safetensors;
using testing::SafetensorsWriter;
using testing::TempDir;

SafetensorsFile parse(std::string_view bytes) {
  const TempDir dir;
  return open_safetensors(dir.write("model.safetensors", bytes), FileAccess::kCopy);
}

struct Refused {
  const char* name;
  std::string header;
  std::size_t data_bytes;
  const char* message;
};

class SafetensorsRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(SafetensorsRefuses, header) {
  const Refused& c = GetParam();
  expect_error(ErrorKind::kBadData, c.message, [&] { parse(safetensors(c.header, std::string(c.data_bytes, '\0'))); });
}

std::string one(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return text(R"({"a":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":)", offsets, "}}");
}

INSTANTIATE_TEST_SUITE_P(
    Table, SafetensorsRefuses,
    ::testing::Values(
        Refused{"no_json", "hello", 0, "wanted '{'"}, Refused{"empty", "", 0, "wanted '{', got the end"},
        Refused{"bom", "\xef\xbb\xbf{}", 0, "wanted '{'"},
        Refused{"not_utf8", "{\"\xff\":1}", 0, "header byte 2: invalid UTF-8"}, Refused{"array", "[]", 0, "wanted '{'"},
        Refused{"trailing", "{}x", 0, "text after the end"}, Refused{"two_documents", "{}{}", 0, "text after the end"},
        Refused{
            "duplicate",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, "tensor 'a' occurs twice"},
        Refused{
            "duplicate_by_escape",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, "tensor 'a' occurs twice"},
        Refused{
            "overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3, "tensor 'b' begins at byte 1 inside its predecessor"},
        Refused{
            "same_bytes",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
            2, "inside its predecessor"},
        Refused{
            "hole",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}})",
            5, "tensor 'b' begins at byte 3 after a hole from 2"},
        Refused{"hole_before_first", one("U8", "[2]", "[1,3]"), 3, "after a hole from 0"},
        Refused{"tail", one("U8", "[2]", "[0,2]"), 3, "1 bytes follow the last tensor"},
        Refused{"tail_without_tensors", "{}", 3, "3 bytes follow the last tensor"},
        Refused{"short_data", one("U8", "[12000000]", "[0,12000000]"), 0, "12.0 MB short"},
        Refused{"reversed", one("U8", "[2]", "[2,0]"), 2, "end before they begin"},
        Refused{"three_offsets", one("U8", "[2]", "[0,2,2]"), 2, "wanted two data_offsets"},
        Refused{"one_offset", one("U8", "[2]", "[0]"), 2, "tensor 'a' wanted two data_offsets"},
        Refused{"negative", one("U8", "[2]", "[-0,2]"), 2, "wanted a non-negative integer"},
        Refused{"fraction", one("U8", "[2]", "[0,2.0]"), 2, "wanted a non-negative integer below 2^63, got '2.0"},
        Refused{"exponent", one("U8", "[1e3]", "[0,2]"), 2, "wanted a non-negative integer"},
        Refused{"string_offset", one("U8", "[2]", "[\"0\",2]"), 2, "wanted a non-negative integer"},
        Refused{"leading_zero", one("U8", "[02]", "[0,2]"), 2, "wanted a non-negative integer"},
        Refused{"30_digits", one("U8", "[100000000000000000000000000000]", "[0,2]"), 2,
                "wanted a non-negative integer below 2^63, got '1000"},
        Refused{"product_wraps_to_0", one("U8", "[4294967296,4294967296]", "[0,0]"), 0, "overflows"},
        Refused{"size_wraps_to_0", one("F64", "[4611686018427387904]", "[0,0]"), 0, "overflows"},
        Refused{"wrong_size", one("F32", "[2,3]", "[0,20]"), 20, "wanted 24 bytes, got 20"},
        Refused{"odd_bits", one("F4", "[3]", "[0,2]"), 2, "does not end on a byte: 12 bits"},
        Refused{"f6_odd_bits", one("F6_E2M3", "[3]", "[0,3]"), 3, "does not end on a byte: 18 bits"},
        Refused{"missing_field", R"({"a":{"dtype":"U8","shape":[1]}})", 1, "wanted dtype, shape and data_offsets"},
        Refused{"field_twice", R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1,
                "dtype twice"},
        Refused{"unknown_field", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1,
                "unknown field 'x'"},
        Refused{"metadata_number", R"({"__metadata__":{"a":1}})", 0, "wanted a string"},
        Refused{"metadata_twice", R"({"__metadata__":{},"__metadata__":{}})", 0, "occurs twice"},
        Refused{"half_surrogate", R"({"\ud800":1})", 0, "surrogate"},
        Refused{"control", "{\"a\n\":1}", 0, "control character"},
        Refused{"open_string", "{\"a", 0, "unfinished string"},
        Refused{"dtype_number", R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,1]}})", 1, "wanted '\"'"}),
    [](const auto& c) { return std::string(c.param.name); });

TEST(Safetensors, lengths) {
  expect_error(ErrorKind::kBadData, "at least 8 bytes, got 0", [] { parse(""); });
  expect_error(ErrorKind::kBadData, "at least 8 bytes, got 7", [] { parse("1234567"); });
  for (const std::uint64_t n : {~std::uint64_t{0}, std::uint64_t{1} << 63, std::uint64_t{100'000'001}}) {
    std::string s;
    testing::put(s, n);
    expect_error(ErrorKind::kBadData, "wanted at most 100000000 bytes", [&] { parse(s + "{}"); });
  }
  std::string s;
  testing::put(s, std::uint64_t{3});
  expect_error(ErrorKind::kBadData, "longer than the file", [&] { parse(s + "{}"); });
}

TEST(Safetensors, deep_nesting_costs_no_stack) {
  const std::string deep(5'000'000, '[');
  expect_error(ErrorKind::kBadData, "wanted '{'", [&] { parse(safetensors(deep, "")); });
  expect_error(ErrorKind::kBadData, "non-negative integer",
               [&] { parse(safetensors("{\"a\":{\"shape\":" + deep, "")); });
}

TEST(Safetensors, rank) {
  const auto shape = [](int rank) {
    std::string s = "[1";
    for (int i = 1; i < rank; ++i) s += ",1";
    return s + "]";
  };
  expect_error(ErrorKind::kBadData, "more than 32 extents",
               [&] { parse(safetensors(one("U8", shape(65536), "[0,1]"), "x")); });
  const SafetensorsFile f = parse(safetensors(one("U8", shape(5), "[0,1]"), "x"));
  EXPECT_TRUE(f.tensors[0].unusable_rank);
}

TEST(Safetensors, accepts) {
  const std::string data = testing::bytes_of<float>({1, 2, 3, 4, 5, 6, 7});
  SafetensorsWriter w;
  w.add("m", "F32", {2, 3}, data.substr(0, 24))
      .add("scalar", "F32", {}, data.substr(24))
      .add("none", "BF16", {4, 0}, "");
  for (const std::size_t pad : {0, 1, 7, 100}) {
    const SafetensorsFile f = parse(w.bytes(pad));
    ASSERT_EQ(f.tensors.size(), 3U);
    EXPECT_EQ(f.tensors[0].name, "m");
    EXPECT_EQ(f.tensors[0].shape, (Shape{2, 3}));
    EXPECT_EQ(f.tensors[0].format, Format::kF32);
    for (const StoredTensor& t : f.tensors) EXPECT_EQ(t.data, f.file->bytes().data() + t.offset);
    EXPECT_EQ(std::memcmp(f.tensors[0].data, data.data(), 24), 0);
  }
}

TEST(Safetensors, tensors_in_any_order) {
  const SafetensorsFile f = parse(safetensors(
      " \n"
      R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},"a":{"data_offsets":[0,1],"shape":[1],"dtype":"I8"}})",
      "xyz"));
  EXPECT_EQ(f.tensors[0].name, "a");
  EXPECT_EQ(static_cast<char>(*f.tensors[1].data), 'y');
}

TEST(Safetensors, names_and_metadata) {
  const SafetensorsFile f = parse(safetensors(
      R"({"__metadata__":{"format":"pt","x":"\n\""},"\u00e9\ud83d\ude00":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
      ""));
  EXPECT_EQ(f.tensors[0].name, "\xc3\xa9\xf0\x9f\x98\x80");
  ASSERT_EQ(f.metadata.size(), 2U);
  EXPECT_EQ(f.metadata[1].second, "\n\"");
}

TEST(Safetensors, unknown_dtype_is_kept) {
  const SafetensorsFile f = parse(safetensors(one("F7_NEW", "[3]", "[0,5]"), "12345"));
  EXPECT_EQ(f.tensors[0].format, Format::kOther);
  EXPECT_EQ(f.tensors[0].format_name, "F7_NEW");
  EXPECT_EQ(parse(safetensors(one("F8_E5M2", "[3]", "[0,3]"), "123")).tensors[0].format, Format::kOther);
}

TEST(Safetensors, cut_at_every_byte) {
  const std::string whole =
      SafetensorsWriter().add("m", "F32", {2, 3}, std::string(24, 'x')).add("n", "U8", {3}, "abc").bytes(5);
  const TempDir dir;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto path = dir.write(text(n, "cut.safetensors"), whole.substr(0, n));
    expect_error(ErrorKind::kBadData, "cut.safetensors", [&] { open_safetensors(path); });
  }
}

// The least time that this thread computed for while it parsed the header of so many tensors; waiting does not count.
double parsing_seconds(std::int64_t tensors) {
  SafetensorsWriter w;
  for (std::int64_t i = 0; i < tensors; ++i) w.add(text("model.layers.", i, ".weight"), "U8", {1}, "x");
  const std::string bytes = w.bytes();
  const auto computed = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  };
  double least = 1e9;
  for (int round = 0; round < 5; ++round) {
    const double begin = computed();
    EXPECT_EQ(parse(bytes).tensors.size(), static_cast<std::size_t>(tensors));
    least = std::min(least, computed() - begin);
  }
  return least;
}

// Eight times as many tensors take eight times as long, not 64 times.
TEST(Safetensors, header_of_100000_tensors_in_linear_time) {
  EXPECT_LT(parsing_seconds(100'000), 30 * parsing_seconds(12'500));
}

TEST(Safetensors, mutations_give_results_or_errors) {
  const std::string whole = SafetensorsWriter()
                                .add("model.a", "F32", {2, 3}, std::string(24, 'x'))
                                .add("model.b", "BF16", {3}, "abcdef")
                                .add("model.c", "I64", {}, "01234567")
                                .bytes(3);
  testing::Random random(1);
  const TempDir dir;
  dir.write("m.safetensors", whole);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto path = dir.overwrite("m.safetensors", testing::mutated(whole, random));
    accepted += testing::returns_or_error([&] { open_safetensors(path); });
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace ttt
