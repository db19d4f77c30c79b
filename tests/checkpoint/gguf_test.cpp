#include "checkpoint/gguf.h"

#include <gtest/gtest.h>

#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::GgufWriter;
using testing::put;
using testing::TempDir;

GgufFile parse(std::string_view bytes) {
  const TempDir dir;
  return GgufFile::open(dir.write("m.gguf", bytes), FileAccess::kCopy);
}

std::string array(std::uint32_t type, std::uint64_t count, std::string_view payload) {
  std::string s;
  put(s, type);
  put(s, count);
  return s.append(payload);
}

GgufWriter small() {
  return GgufWriter()
      .string("general.architecture", "llama")
      .u32("llama.block_count", 2)
      .tensor("a.weight", {2, 3}, 0, std::string(24, 'x'));
}

TEST(Gguf, every_value_type) {
  GgufWriter w;
  w.number("u8", 0, std::uint8_t{200}).number("i8", 1, std::int8_t{-3}).number("u16", 2, std::uint16_t{60000});
  w.number("i16", 3, std::int16_t{-300}).u32("u32", 4'000'000'000U).number("i32", 5, -70000).f32("f32", 0.5F);
  w.number("bool", 7, std::uint8_t{1}).string("string", "text").number("u64", 10, std::uint64_t{1} << 40);
  w.number("i64", 11, std::int64_t{-5}).number("f64", 12, 0.25).strings("tokens", {"a", "", "ccc"});
  w.raw("ints", 9, array(5, 2, testing::bytes_of<std::int32_t>({-1, 7})));
  w.raw("reals", 9, array(6, 2, testing::bytes_of<float>({1.5F, -2})));
  w.raw("flags", 9, array(7, 3, std::string("\1\0\1", 3)));
  const GgufFile f = parse(w.bytes());
  EXPECT_EQ(f.integer("u8"), 200);
  EXPECT_EQ(f.integer("i8"), -3);
  EXPECT_EQ(f.integer("u16"), 60000);
  EXPECT_EQ(f.integer("i16"), -300);
  EXPECT_EQ(f.integer("u32"), 4'000'000'000);
  EXPECT_EQ(f.integer("i32"), -70000);
  EXPECT_EQ(f.integer("u64"), std::int64_t{1} << 40);
  EXPECT_EQ(f.integer("i64"), -5);
  EXPECT_EQ(f.number("f32"), 0.5);
  EXPECT_EQ(f.number("f64"), 0.25);
  EXPECT_EQ(f.number("i8"), -3.0);
  EXPECT_TRUE(f.boolean("bool"));
  EXPECT_EQ(f.string("string"), "text");
  EXPECT_EQ(f.strings("tokens"), (std::vector<std::string_view>{"a", "", "ccc"}));
  EXPECT_EQ(f.integers("ints"), (std::vector<std::int64_t>{-1, 7}));
  EXPECT_EQ(f.numbers("reals"), (std::vector<double>{1.5, -2}));
  EXPECT_EQ(f.integers("flags"), (std::vector<std::int64_t>{1, 0, 1}));
  EXPECT_EQ(f.keys().size(), 16U);
  expect_error(ErrorKind::kBadData, "key 'f32' wanted an integer, got f32", [&] { f.integer("f32"); });
  expect_error(ErrorKind::kBadData, "key 'tokens' wanted a string, got an array of string",
               [&] { f.string("tokens"); });
  expect_error(ErrorKind::kBadData, "key 'none' is missing", [&] { f.integer("none"); });
  expect_error(ErrorKind::kBadData, "key 'bool' wanted a number", [&] { f.number("bool"); });
  expect_error(ErrorKind::kBadData, "wanted an array of numbers, got u8", [&] { f.numbers("u8"); });
}

TEST(Gguf, u64_beyond_i64) {
  const GgufFile f = parse(GgufWriter().number("n", 10, ~std::uint64_t{0}).bytes());
  expect_error(ErrorKind::kBadData, "key 'n'", [&] { f.integer("n"); });
}

TEST(Gguf, tensors) {
  for (const std::uint32_t version : {2U, 3U}) {
    GgufWriter w(version);
    w.tensor("a.weight", {2, 3}, 0, std::string(24, 'x')).tensor("q", {64, 2, 5}, 3, std::string(400, 'y'));
    w.tensor("iq", {256}, 16, std::string(66, 'z')).tensor("none", {0, 4}, 0, "").tensor("scalar", {}, 1, "ab");
    const GgufFile f = parse(w.bytes());
    EXPECT_EQ(f.version(), static_cast<int>(version));
    EXPECT_EQ(f.find_tensor("a.weight")->shape, (Shape{3, 2}));
    EXPECT_EQ(f.find_tensor("q")->shape, (Shape{5, 2, 64}));
    EXPECT_EQ(f.find_tensor("q")->format, Format::kQ4_1);
    EXPECT_EQ(static_cast<char>(*f.find_tensor("q")->data), 'y');
    EXPECT_EQ(f.find_tensor("iq")->format, Format::kOther);
    EXPECT_EQ(f.find_tensor("iq")->format_name, "IQ2_XXS");
    EXPECT_EQ(f.find_tensor("none")->bytes, 0);
    EXPECT_EQ(f.find_tensor("scalar")->shape, Shape());
    EXPECT_EQ(f.find_tensor("missing"), nullptr);
  }
}

struct Refused {
  const char* name;
  ErrorKind kind;
  std::string bytes;
  const char* message;
};

std::string with_version(std::uint32_t v) { return GgufWriter(v).u32("a", 1).bytes(); }
std::string with_value(std::uint32_t type, std::string_view payload) {
  return GgufWriter().raw("k", type, payload).bytes();
}
std::string with_alignment(std::uint32_t v) { return GgufWriter().u32("general.alignment", v).bytes(); }
std::string with_tensor(const std::vector<std::uint64_t>& extents, std::uint32_t type, std::string_view data) {
  return GgufWriter().tensor("t", extents, type, data).bytes();
}
std::string length(std::uint64_t n, std::string_view rest = "") {
  std::string s;
  put(s, n);
  return s.append(rest);
}

class GgufRefuses : public ::testing::TestWithParam<Refused> {};

TEST_P(GgufRefuses, file) {
  const Refused& c = GetParam();
  expect_error(c.kind, c.message, [&] { parse(c.bytes); });
}

constexpr ErrorKind kBad = ErrorKind::kBadData, kUnsupported = ErrorKind::kUnsupported;

INSTANTIATE_TEST_SUITE_P(
    Table, GgufRefuses,
    ::testing::Values(
        Refused{"empty", kBad, "", "is no GGUF file"}, Refused{"magic", kBad, "GGML0000", "is no GGUF file"},
        Refused{"swapped_magic", kBad, "FUGG0000", "big-endian GGUF"},
        Refused{"swapped_version", kBad, with_version(0x03000000), "big-endian GGUF"},
        Refused{"version_0", kUnsupported, with_version(0), "wanted 2 or 3, got 0"},
        Refused{"version_1", kUnsupported, with_version(1), "wanted 2 or 3, got 1"},
        Refused{"version_99", kUnsupported, with_version(99), "wanted 2 or 3, got 99"},
        Refused{"tensors_2_63", kBad, GgufWriter().bytes(std::uint64_t{1} << 63, 0),
                "number of tensors 9223372036854775808"},
        Refused{"tensors_negative", kBad, GgufWriter().bytes(~std::uint64_t{0}, 0), "number of tensors"},
        Refused{"keys_2_63", kBad, GgufWriter().bytes(0, std::uint64_t{1} << 63), "number of keys"},
        Refused{"keys_more", kBad, GgufWriter().u32("a", 1).bytes(0, 2), "number of keys 2 needs more"},
        Refused{"string_2_60", kBad, with_value(8, length(std::uint64_t{1} << 60)),
                "has a length of 1152921504606846976"},
        Refused{"string_nul", kBad, with_value(8, length(3, std::string("a\0b", 3))),
                "key 'k' holds a string with a NUL"},
        Refused{"key_empty", kBad, GgufWriter().u32("", 1).bytes(), "a key is empty"},
        Refused{"key_nul", kBad, GgufWriter().u32(std::string("a\0b", 3), 1).bytes(), "holds a NUL byte"},
        Refused{"key_long", kBad, GgufWriter().u32(std::string(65536, 'k'), 1).bytes(), "wanted at most 65535 bytes"},
        Refused{"array_2_30", kBad, with_value(9, array(4, 1U << 30, "1234")), "array of 1073741824 elements"},
        Refused{"array_of_strings_2_30", kBad, with_value(9, array(8, 1U << 30, "1234")), "array of 1073741824"},
        Refused{"array_wraps", kBad, with_value(9, array(10, (std::uint64_t{1} << 61) + 1, "12345678")), "array of"},
        Refused{"array_nested", kUnsupported, with_value(9, array(9, 1, array(4, 1, "1234"))), "array of arrays"},
        Refused{"array_type_99", kBad, with_value(9, array(99, 1, "1234")), "unknown value type 99"},
        Refused{"type_99", kBad, with_value(99, "1234"), "unknown value type 99"},
        Refused{"bool_2", kBad, with_value(7, "\2"), "wanted a boolean 0 or 1, got 2"},
        Refused{"bools_2", kBad, with_value(9, array(7, 1, "\2")), "wanted booleans 0 or 1"},
        Refused{"key_twice", kBad, GgufWriter().u32("k", 1).u32("k", 1).bytes(), "key 'k' occurs twice"},
        Refused{"alignment_0", kBad, with_alignment(0), "general.alignment wanted a power of two"},
        Refused{"alignment_3", kBad, with_alignment(3), "got 3"},
        Refused{"alignment_2_31", kBad, with_alignment(1U << 31), "got 2147483648"},
        Refused{"alignment_u64", kBad, GgufWriter().number("general.alignment", 10, std::uint64_t{32}).bytes(),
                "general.alignment wanted a u32, got u64"},
        Refused{"type_negative", kUnsupported, with_tensor({4}, 0xFFFFFFFF, "1234"), "tensor 't' has the type -1"},
        Refused{"type_10_9", kUnsupported, with_tensor({4}, 1'000'000'000, "1234"), "the type 1000000000"},
        Refused{"type_q4_2", kUnsupported, with_tensor({32}, 4, "1234"), "the type 4"},
        Refused{"block", kBad, with_tensor({48, 2}, 2, std::string(54, 'x')),
                "wanted rows of a multiple of 32 values, got 48"},
        Refused{"block_k", kBad, with_tensor({128, 2}, 12, std::string(144, 'x')), "multiple of 256"},
        Refused{"rank_5", kBad, with_tensor({1, 1, 1, 1, 1}, 0, "1234"), "wanted at most 4 extents, got 5"},
        Refused{"extent_2_63", kBad, with_tensor({std::uint64_t{1} << 63}, 0, "1234"), "size wanted at most"},
        Refused{"product_wraps", kBad, with_tensor({std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, ""),
                "overflows"},
        Refused{"bytes_wrap", kBad, with_tensor({std::uint64_t{1} << 62}, 0, ""), "overflows"},
        Refused{"short", kBad, with_tensor({3'000'000}, 0, std::string(32, 'x')), "file is 11.9 MB short"},
        Refused{"offset_odd", kBad, GgufWriter().tensor_at("t", {1}, 0, 4, "12345678").bytes(), "no multiple of 32"},
        Refused{"offset_wraps", kBad, GgufWriter().tensor_at("t", {1}, 0, 0x7FFFFFFFFFFFFFE0, "1234").bytes(),
                "overflows"},
        Refused{"tensor_twice", kBad, GgufWriter().tensor("t", {1}, 0, "1234").tensor("t", {1}, 0, "1234").bytes(),
                "tensor 't' occurs twice"},
        Refused{"overlap", kBad,
                GgufWriter().tensor("a", {16}, 0, std::string(64, 'x')).tensor_at("b", {1}, 0, 32, "").bytes(),
                "tensor 'b' at byte"}),
    [](const auto& c) { return std::string(c.param.name); });

TEST(Gguf, cut_at_every_byte) {
  const std::string whole = small().strings("tokens", {"a", "bb"}).bytes();
  const TempDir dir;
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto path = dir.write(text(n, ".gguf"), whole.substr(0, n));
    expect_error(ErrorKind::kBadData, ".gguf", [&] { GgufFile::open(path); });
  }
}

TEST(Gguf, many_keys_in_linear_time) {
  GgufWriter w;
  for (int i = 0; i < 1'000'000; ++i) w.u32(text("key.", i), 1);
  // Quadratic work would take hours: ctest ends this test long before.
  EXPECT_EQ(parse(w.bytes()).keys().size(), 1'000'000U);
}

TEST(Gguf, mutations_give_results_or_errors) {
  GgufWriter w = small();
  w.strings("tokens", {"a", "bb"}).raw("flags", 9, array(7, 2, std::string("\1\0", 2)));
  w.raw("reals", 9, array(6, 2, "12345678")).tensor("q", {32, 2}, 2, std::string(36, 'q'));
  const std::string whole = w.bytes();
  testing::Random random(2);
  const TempDir dir;
  dir.write("m.gguf", whole);
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto path = dir.overwrite("m.gguf", testing::mutated(whole, random));
    accepted += testing::returns_or_error([&] {
      const GgufFile f = GgufFile::open(path);
      for (const std::string_view key : f.keys()) {
        testing::returns_or_error([&] { f.strings(key); });
        testing::returns_or_error([&] { f.numbers(key); });
        testing::returns_or_error([&] { f.integer(key); });
        testing::returns_or_error([&] { f.string(key); });
      }
    });
  }
  EXPECT_GT(accepted, 0);
}

// A mapped file may change under its reader. Lengths were checked when the file was opened, and count as they were
// then.
TEST(Gguf, lengths_of_strings_are_read_once) {
  const TempDir dir;
  std::string bytes = small().string("one", "abcd").strings("many", {"xy", "z"}).bytes();
  const auto path = dir.write("m.gguf", bytes);
  const GgufFile f = GgufFile::open(path);
  for (const std::string_view payload : {"abcd", "xy", "z"}) {
    const std::uint64_t huge = std::uint64_t{1} << 60;
    std::memcpy(bytes.data() + bytes.find(payload) - sizeof huge, &huge, sizeof huge);
  }
  dir.overwrite("m.gguf", bytes);
  EXPECT_EQ(f.string("one"), "abcd");
  EXPECT_EQ(f.strings("many"), (std::vector<std::string_view>{"xy", "z"}));
}

GgufWriter part(std::uint16_t no, std::uint16_t count) {
  return GgufWriter().u16("split.no", no).u16("split.count", count).number("split.tensors.count", 5, 3);
}

class GgufSplit : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.write(name(1), part(0, 3).string("general.architecture", "llama").tensor("a", {1}, 0, "1111").bytes());
    dir_.write(name(2), part(1, 3).tensor("b", {1}, 0, "2222").bytes());
    dir_.write(name(3), part(2, 3).tensor("c", {1}, 0, "3333").bytes());
  }
  static std::string name(int p) { return text("m-0000", p, "-of-00003.gguf"); }
  void refuses(ErrorKind kind, std::string_view message) const {
    expect_error(kind, message, [&] { GgufFile::open(dir_.path() / name(1)); });
  }
  TempDir dir_;
};

TEST_F(GgufSplit, any_part_opens_all) {
  for (int p = 1; p <= 3; ++p) {
    const GgufFile f = GgufFile::open(dir_.path() / name(p));
    EXPECT_EQ(f.files().size(), 3U);
    EXPECT_EQ(f.architecture(), "llama");
    EXPECT_EQ(static_cast<char>(*f.find_tensor("c")->data), '3');
  }
}

TEST_F(GgufSplit, missing_part) {
  std::filesystem::remove(dir_.path() / name(2));
  refuses(ErrorKind::kBadData, "2 of 3 parts present, missing ");
}

TEST_F(GgufSplit, wrong_order) {
  std::filesystem::rename(dir_.path() / name(2), dir_.path() / "x");
  std::filesystem::rename(dir_.path() / name(3), dir_.path() / name(2));
  std::filesystem::rename(dir_.path() / "x", dir_.path() / name(3));
  refuses(ErrorKind::kBadData, "wanted part 2 of 3 by its name, got part 3 of 3");
}

TEST_F(GgufSplit, other_architecture) {
  dir_.write(name(2), part(1, 3).string("general.architecture", "gemma").tensor("b", {1}, 0, "2222").bytes());
  refuses(ErrorKind::kBadData, "general.architecture wanted 'llama' as in the first part, got 'gemma'");
}

TEST_F(GgufSplit, tensor_in_two_parts) {
  dir_.write(name(3), part(2, 3).tensor("a", {1}, 0, "3333").bytes());
  refuses(ErrorKind::kBadData, "tensor 'a' is in an earlier part too");
}

TEST_F(GgufSplit, wrong_count) {
  dir_.write(name(3), part(2, 3).bytes());
  refuses(ErrorKind::kBadData, "split.tensors.count wanted 3 tensors in all parts, got 2");
}

TEST_F(GgufSplit, part_under_another_name) {
  const auto path = dir_.write("other.gguf", part(0, 3).tensor("a", {1}, 0, "1111").bytes());
  expect_error(ErrorKind::kBadData, "is one of 3 parts", [&] { GgufFile::open(path); });
}

}  // namespace
}  // namespace ttt
