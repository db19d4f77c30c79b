// Parts of the tensors of a file, as they are stored: rows, cuts, transpositions, stacks, tables.

#include <cstring>

#include "tests/checkpoint/weight_store_case.h"

namespace ttt {
namespace {

using testing::bytes_of;
using testing::expect_error;
using testing::from_bf16;
using testing::kIn;
using testing::kOut;
using testing::row_of;
using testing::SafetensorsWriter;
using testing::to_bf16;
using testing::values;
using testing::WeightStoreTest;

TEST_F(WeightStoreTest, dense_matrix_is_a_view_of_the_file) {
  for (const char* dtype : {"F32", "BF16", "F16"}) {
    const std::string bytes = std::string_view(dtype) == "F32" ? bytes_of(m_) : bytes_of(to_bf16(m_));
    const auto c = open_matrix(dtype, bytes);
    WeightStore store(*c);
    for (const Cut cut : {Cut{}, Cut{0, 5, 7}, Cut{1, 3, 10}}) {
      const ConstTensorView v = store.fetch(matrix(cut));
      EXPECT_TRUE(is_mapped(*c, v));
      EXPECT_EQ(v.shape, matrix(cut).cut_shape());
      const std::int64_t unit = traits_of(v.format).block_bytes;
      EXPECT_EQ(v.row_bytes, kIn * unit);
      const std::int64_t skip = (cut.axis == 0 ? cut.begin * kIn : cut.axis == 1 ? cut.begin : 0) * unit;
      EXPECT_EQ(v.data, c->find("m.weight")->data + skip);
    }
    EXPECT_EQ(store.bytes().owned, 0);
    EXPECT_EQ(store.records().size(), 3U);
    EXPECT_EQ(store.bytes().mapped,
              (kOut * kIn + 7 * kIn + kOut * 10) * traits_of(c->find("m.weight")->format).block_bytes);
  }
}

TEST_F(WeightStoreTest, same_request_same_memory) {
  const auto c = open_matrix("F32", bytes_of(m_));
  WeightStore store(*c);
  WeightRequest table = matrix({}, Format::kBF16);
  table.use = WeightUse::kTable;
  WeightRequest root = matrix({}, Format::kBF16);
  root.path = "elsewhere";
  root.name = "/m.weight";
  const ConstTensorView a = store.fetch(table);
  EXPECT_EQ(a.data, store.fetch(root).data);
  EXPECT_EQ(a.data, store.fetch(matrix({.axis = 0, .begin = 0, .count = kOut}, Format::kBF16)).data);
  EXPECT_EQ(store.bytes().owned, kOut * kIn * 2);
  EXPECT_NE(a.data, store.fetch(matrix({.axis = 0, .begin = 0, .count = 3}, Format::kBF16)).data);
}

TEST_F(WeightStoreTest, unaligned_data_is_copied) {
  const auto c =
      open(SafetensorsWriter().add("x", "U8", {1}, "x").add("m.weight", "F32", {kOut, kIn}, bytes_of(m_)).aligned());
  WeightStore store(*c);
  const ConstTensorView v = store.fetch(matrix({.axis = 1, .begin = 3, .count = 10}));
  EXPECT_FALSE(is_mapped(*c, v));
  EXPECT_EQ(v.row_bytes, 40);
  EXPECT_EQ(v.row<float>(2)[1], at(2, 4));
  EXPECT_EQ(store.unused(), (std::vector<std::string>{"x"}));
}

TEST_F(WeightStoreTest, selections_and_transposition) {
  const auto c = open_matrix("BF16", bytes_of(to_bf16(m_)));
  WeightStore store(*c);
  WeightRequest r = matrix();
  r.name = rows("weight", 8, 16);
  r.shape = {16, kIn};
  ConstTensorView v = store.fetch(r);
  EXPECT_TRUE(is_mapped(*c, v));
  EXPECT_EQ(v.data, c->find("m.weight")->data + 8 * kIn * 2);

  r.name = every("weight", 4, 2, 12, 4);  // rows 4, 5, 16, 17, 28, 29, 40, 41
  r.shape = {8, kIn};
  r.cut = {.axis = 0, .begin = 1, .count = 3};
  v = store.fetch(r);
  const auto original = to_bf16(m_);
  const std::int64_t expected[] = {5, 16, 17};
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(std::memcmp(v.row<std::byte>(i), original.data() + expected[i] * kIn, kIn * 2), 0);
  }

  r.name = transposed("weight");
  r.shape = {kIn, kOut};
  r.cut = {.axis = 1, .begin = 10, .count = 20};
  v = store.fetch(r);
  ASSERT_EQ(v.shape, (Shape{kIn, 20}));
  for (std::int64_t i = 0; i < kIn; ++i) {
    for (std::int64_t j = 0; j < 20; ++j) {
      EXPECT_EQ(v.row<std::uint16_t>(i)[j], original[static_cast<std::size_t>((10 + j) * kIn + i)]);
    }
  }

  r.name = every(transposed("weight"), 2, 3, 10, 2);
  r.shape = {6, kOut};
  r.cut = {};
  v = store.fetch(r);
  EXPECT_EQ(v.row<std::uint16_t>(4)[7], original[7 * kIn + 13]);
}

TEST_F(WeightStoreTest, vectors) {
  const std::vector<float> x = values(24, 3);
  std::vector<double> wide(x.begin(), x.end());
  const auto c = open(SafetensorsWriter()
                          .add("d", "F64", {24}, bytes_of(wide))
                          .add("f", "F32", {24}, bytes_of(x))
                          .add("b", "BF16", {24}, bytes_of(to_bf16(x)))
                          .add("n", "F32", {1, 24, 1}, bytes_of(x))
                          .aligned());
  WeightStore store(*c);
  WeightRequest r{.path = "", .name = "f", .shape = {24}, .use = WeightUse::kVector};
  EXPECT_EQ(store.fetch(r).data, c->find("f")->data);
  r.cut = {.axis = 0, .begin = 4, .count = 8};
  EXPECT_EQ(store.fetch(r).data, c->find("f")->data + 16);
  r.name = "n";
  EXPECT_EQ(store.fetch(r).row<float>(0)[2], x[6]);
  r.name = "d";
  EXPECT_EQ(store.fetch(r).row<float>(0)[3], x[7]);
  r.name = "b";
  ConstTensorView v = store.fetch(r);
  EXPECT_EQ(v.format, Format::kF32);
  EXPECT_EQ(v.row_bytes, 32);
  EXPECT_EQ(v.row<float>(0)[0], from_bf16(to_bf16(x)[4]));
  r.name = every("b", 2, 3, 10, 2);
  r.shape = {6};
  r.cut = {};
  v = store.fetch(r);
  EXPECT_EQ(v.row<float>(0)[4], from_bf16(to_bf16(x)[13]));
}

TEST_F(WeightStoreTest, stacked_and_folded) {
  const auto c = open(SafetensorsWriter().add("e", "F32", {3, 16, 64}, bytes_of(m_)).aligned());
  WeightStore store(*c);
  WeightRequest r{.path = "", .name = "e", .shape = {3, 16, 64}, .cut = {.axis = 0, .begin = 1, .count = 2}};
  EXPECT_EQ(store.fetch(r).data, c->find("e")->data + 16 * 64 * 4);
  r.cut = {.axis = 2, .begin = 8, .count = 8};
  EXPECT_EQ(row_of(store.fetch(r), 17)[1], at(17, 9));
  r = {.path = "", .name = rows("e", 16, 16), .shape = {16, 64}};
  EXPECT_EQ(store.fetch(r).data, c->find("e")->data + 16 * 64 * 4);
  r = {.path = "", .name = "e", .shape = {3, 1024}};
  EXPECT_EQ(row_of(store.fetch(r), 1)[5], m_[1029]);
}

// Tables of integers (the experts of each token) are read as they are stored, aligned or not.
TEST_F(WeightStoreTest, tables_of_integers) {
  const std::vector<std::int32_t> small{3, 1, 4, 1, 5, 9, 2, 6};
  const std::vector<std::int64_t> large{3, -1, 4, 1, 5, std::int64_t{1} << 40};
  for (const std::size_t pad : {0U, 1U}) {
    const auto c = open(SafetensorsWriter()
                            .add("m.small", "I32", {4, 2}, bytes_of(small))
                            .add("m.large", "I64", {3, 2}, bytes_of(large))
                            .add("m.u8", "U8", {2, 2}, "abcd")
                            .bytes(pad));
    WeightStore store(*c);
    HeaderSource plan(*c);
    const auto table = [](const char* name, Shape shape, Cut cut = {}) {
      return WeightRequest{.path = "m", .name = name, .shape = shape, .cut = cut, .use = WeightUse::kTable};
    };
    const ConstTensorView s = store.fetch(table("small", {4, 2})), l = store.fetch(table("large", {3, 2}));
    ASSERT_EQ(s.format, Format::kI32);
    ASSERT_EQ(l.format, Format::kI64);
    for (std::size_t i = 0; i < small.size(); ++i) {
      EXPECT_EQ(s.row<std::int32_t>(static_cast<std::int64_t>(i / 2))[i % 2], small[i]);
    }
    for (std::size_t i = 0; i < large.size(); ++i) {
      EXPECT_EQ(l.row<std::int64_t>(static_cast<std::int64_t>(i / 2))[i % 2], large[i]);
    }
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(l.data) % 8, 0U);
    EXPECT_EQ(store.fetch(table("small", {4, 2}, {0, 1, 2})).row<std::int32_t>(1)[0], 5);
    EXPECT_EQ(plan.fetch(table("large", {3, 2})).format, Format::kI64);
    EXPECT_TRUE(plan.problems().empty());
    expect_error(ErrorKind::kUnsupported, "[m] small is stored as I32, which is read for tables only", [&] {
      store.fetch({.path = "m", .name = "small", .shape = {4, 2}});
    });
    WeightRequest converted = table("small", {4, 2});
    converted.format = Format::kF32;
    expect_error(ErrorKind::kUnsupported, "which is read for tables only", [&] { store.fetch(converted); });
    expect_error(ErrorKind::kUnsupported, "stored as U8, which is no", [&] { store.fetch(table("u8", {2, 2})); });
  }
}

// Experts one after the other in one tensor, as [experts, out, in] or [experts, in, out], and their biases.
TEST_F(WeightStoreTest, TakesSlicesOfStackedExperts) {
  constexpr std::int64_t kExperts = 3;
  const std::vector<float> stack = values(kExperts * kOut * kIn, 7), bias = values(kExperts * kOut, 8);
  const auto c = open(SafetensorsWriter()
                          .add("m.stack", "F32", {kExperts, kOut, kIn}, bytes_of(stack))
                          .add("m.columns", "F32", {kExperts, kIn, kOut}, bytes_of(stack))
                          .add("m.bias", "F32", {kExperts, kOut}, bytes_of(bias))
                          .aligned());
  WeightStore store(*c);
  for (std::int64_t e = 0; e < kExperts; ++e) {
    const auto value = [&](std::int64_t i) { return stack[static_cast<std::size_t>(e * kOut * kIn + i)]; };
    const ConstTensorView whole = store.fetch({.path = "m", .name = slice("stack", e), .shape = {kOut, kIn}});
    EXPECT_TRUE(is_mapped(*c, whole));
    EXPECT_EQ(row_of(whole, 5)[7], value(5 * kIn + 7));
    // Every other row, and of these a rank's part.
    const ConstTensorView odd = store.fetch({.path = "m",
                                             .name = slice(every("stack", 1, 1, 2, kOut / 2), e),
                                             .shape = {kOut / 2, kIn},
                                             .cut = {.axis = 0, .begin = 8, .count = 8}});
    EXPECT_EQ(row_of(odd, 3)[9], value((1 + 2 * 11) * kIn + 9));
    const ConstTensorView half = store.fetch(
        {.path = "m", .name = slice("stack", e), .shape = {kOut, kIn}, .cut = {.axis = 1, .begin = 32, .count = 32}});
    EXPECT_EQ(row_of(half, 3)[2], value(3 * kIn + 34));
    for (const std::optional<Format> format : {std::optional<Format>{}, std::optional{Format::kQ8_0}}) {
      const ConstTensorView turned = store.fetch({.path = "m",
                                                  .name = slice(every(transposed("columns"), 1, 1, 2, kOut / 2), e),
                                                  .shape = {kOut / 2, kIn},
                                                  .cut = {.axis = 1, .begin = 32, .count = 32},
                                                  .format = format});
      EXPECT_NEAR(row_of(turned, 4)[6], value((32 + 6) * kOut + 9), format ? 0.02 : 0);
    }
    const ConstTensorView packed =
        store.fetch({.path = "m", .name = slice("stack", e), .shape = {kOut, kIn}, .format = Format::kQ8_0});
    EXPECT_NEAR(row_of(packed, 5)[7], value(5 * kIn + 7), 0.02);
    const ConstTensorView b = store.fetch({.path = "m",
                                           .name = slice(every("bias", 1, 1, 2, kOut / 2), e),
                                           .shape = {kOut / 2},
                                           .use = WeightUse::kVector});
    EXPECT_EQ(b.row<float>(0)[4], bias[static_cast<std::size_t>(e * kOut + 9)]);
  }
  expect_error(ErrorKind::kBadData, "[m] stack wanted number 3 of the first extent, got [3, 48, 64]", [&] {
    store.fetch({.path = "m", .name = slice("stack", 3), .shape = {kOut, kIn}});
  });
  expect_error(ErrorKind::kBadData, "[m] stack wanted [48, 48], got [48, 64]", [&] {
    store.fetch({.path = "m", .name = slice("stack", 0), .shape = {kOut, kOut}});
  });
}

}  // namespace
}  // namespace ttt
