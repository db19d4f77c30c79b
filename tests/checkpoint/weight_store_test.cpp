#include "checkpoint/weight_store.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "checkpoint/check_weights.h"
#include "kernels/formats/packed.h"
#include "models/llama/llama_gguf.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::GgufWriter;
using testing::SafetensorsWriter;
using testing::TempDir;

std::vector<float> values(std::int64_t n, std::uint64_t seed) {
  testing::Random random(seed);
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = random.real();
  return v;
}

std::vector<std::uint16_t> to_bf16(const std::vector<float>& v) {
  std::vector<std::uint16_t> r;
  for (const float x : v) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    r.push_back(static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
  }
  return r;
}

float from_bf16(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

// Row r of a row-major or packed view as f32.
std::vector<float> row_of(const ConstTensorView& v, std::int64_t r) {
  std::vector<float> x(static_cast<std::size_t>(v.dim(v.shape.rank() - 1)));
  if (v.layout == Layout::kPanels) {
    kernels::decode_packed_row(v, r, x.data());
  } else {
    kernels::decode_row(v, r, 0, static_cast<std::int64_t>(x.size()), x.data());
  }
  return x;
}

constexpr std::int64_t kOut = 48, kIn = 64;

class WeightStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<const Checkpoint> open(const std::string& safetensors, FileAccess access = FileAccess::kMap) {
    dir_.write("config.json", R"({"model_type":"llama"})");
    dir_.write("model.safetensors", safetensors);
    return open_checkpoint(dir_.path(), {}, {.access = access});
  }

  std::unique_ptr<const Checkpoint> open_matrix(const std::string& dtype, std::string_view bytes) {
    return open(SafetensorsWriter().add("m.weight", dtype, {kOut, kIn}, bytes).aligned());
  }

  static WeightRequest matrix(Cut cut = {}, std::optional<Format> format = {}) {
    return {
        .path = "m", .name = "weight", .shape = {kOut, kIn}, .cut = cut, .use = WeightUse::kMatrix, .format = format};
  }

  static bool is_mapped(const Checkpoint& c, const ConstTensorView& v) {
    for (const MappedRange& r : c.mapped_ranges()) {
      if (v.data >= r.data && v.data < r.data + r.bytes) return true;
    }
    return false;
  }

  const std::vector<float> m_ = values(kOut * kIn, 1);
  float at(std::int64_t r, std::int64_t c) const { return m_[static_cast<std::size_t>(r * kIn + c)]; }
  TempDir dir_;
};

TEST_F(WeightStoreTest, dense_matrix_is_a_view_of_the_file) {
  for (const char* dtype : {"F32", "BF16", "F16"}) {
    const std::string bytes = std::string_view(dtype) == "F32" ? testing::bytes_of(m_) : testing::bytes_of(to_bf16(m_));
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
  const auto c = open_matrix("F32", testing::bytes_of(m_));
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
  const auto c = open(SafetensorsWriter()
                          .add("x", "U8", {1}, "x")
                          .add("m.weight", "F32", {kOut, kIn}, testing::bytes_of(m_))
                          .aligned());
  WeightStore store(*c);
  const ConstTensorView v = store.fetch(matrix({.axis = 1, .begin = 3, .count = 10}));
  EXPECT_FALSE(is_mapped(*c, v));
  EXPECT_EQ(v.row_bytes, 40);
  EXPECT_EQ(v.row<float>(2)[1], at(2, 4));
  EXPECT_EQ(store.unused(), (std::vector<std::string>{"x"}));
}

TEST_F(WeightStoreTest, dense_conversions) {
  const auto c = open_matrix("F32", testing::bytes_of(m_));
  const std::vector<std::uint16_t> expected = to_bf16(m_);
  ThreadPool threads(3);
  WeightStore store(*c, threads);
  const ConstTensorView b = store.fetch(matrix({.axis = 0, .begin = 3, .count = 5}, Format::kBF16));
  EXPECT_EQ(std::memcmp(b.data, expected.data() + 3 * kIn, 5 * kIn * 2), 0);
  const ConstTensorView h = store.fetch(matrix({}, Format::kF16));
  for (std::int64_t r = 0; r < kOut; ++r) {
    const std::vector<float> x = row_of(h, r);
    for (std::int64_t i = 0; i < kIn; ++i) EXPECT_NEAR(x[static_cast<std::size_t>(i)], at(r, i), 0x1p-11F);
  }
}

TEST_F(WeightStoreTest, rounds_to_nearest_even) {
  const std::vector<float> x = {1.00390625F, 1.01171875F,  std::numeric_limits<float>::infinity(),
                                -0.0F,       0x1.FEFp127F, std::bit_cast<float>(0x7F800001U)};
  const auto c = open(SafetensorsWriter().add("m.weight", "F32", {1, 6}, testing::bytes_of(x)).aligned());
  WeightStore store(*c);
  WeightRequest r = matrix({}, Format::kBF16);
  r.shape = {1, 6};
  const auto* y = store.fetch(r).row<std::uint16_t>(0);
  EXPECT_EQ(y[0], 0x3F80);  // halfway, to even
  EXPECT_EQ(y[1], 0x3F82);
  EXPECT_EQ(y[2], 0x7F80);
  EXPECT_EQ(y[3], 0x8000);
  EXPECT_EQ(y[4], 0x7F7F);  // the largest: what would round beyond it is refused
  EXPECT_TRUE(std::isnan(from_bf16(y[5])));
}

TEST_F(WeightStoreTest, selections_and_transposition) {
  const auto c = open_matrix("BF16", testing::bytes_of(to_bf16(m_)));
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

TEST_F(WeightStoreTest, quantises_dense) {
  const auto c = open_matrix("F32", testing::bytes_of(m_));
  WeightStore store(*c);
  const struct {
    Format format;
    float error;
  } kCases[] = {{Format::kInt8, 1 / 120.0F},
                {Format::kQ8_0, 1 / 120.0F},
                {Format::kInt4, 1 / 13.0F},
                {Format::kBfp8B, 1 / 60.0F},
                {Format::kBfp4B, 1 / 3.5F}};
  for (const auto& k : kCases) {
    for (const Cut cut : {Cut{}, Cut{0, 5, 19}, Cut{1, 32, 32}}) {
      const ConstTensorView v = store.fetch(matrix(cut, k.format));
      EXPECT_EQ(v.layout, Layout::kPanels);
      EXPECT_EQ(v.format, k.format);
      for (std::int64_t r = 0; r < v.dim(0); ++r) {
        const std::vector<float> x = row_of(v, r);
        for (std::int64_t i = 0; i < v.dim(1); ++i) {
          const float want = at(r + (cut.axis == 0 ? 5 : 0), i + (cut.axis == 1 ? 32 : 0));
          EXPECT_NEAR(x[static_cast<std::size_t>(i)], want, k.error) << name_of(k.format);
        }
      }
    }
  }
  // Through f32 rows: the same codes as from the rows themselves.
  WeightRequest t = matrix({}, Format::kInt8);
  t.name = transposed("weight");
  t.shape = {kIn, kOut};
  const ConstTensorView v = store.fetch(t);
  for (std::int64_t r = 0; r < kIn; ++r) {
    const std::vector<float> x = row_of(v, r);
    for (std::int64_t i = 0; i < kOut; ++i) EXPECT_NEAR(x[static_cast<std::size_t>(i)], at(i, r), 1 / 120.0F);
  }
}

// Ranks multiply parts of the matrix that one rank has.
TEST_F(WeightStoreTest, cuts_hold_the_codes_of_the_whole) {
  const auto c = open_matrix("F32", testing::bytes_of(m_));
  WeightStore store(*c);
  for (const Format f : {Format::kInt8, Format::kQ8_0, Format::kInt4, Format::kBfp8B, Format::kBfp4B}) {
    for (const bool turned : {false, true}) {
      WeightRequest r = matrix({}, f);
      if (turned) {
        if (f == Format::kQ8_0) continue;  // in whole blocks only
        r.name = rows(transposed("weight"), 0, 40);
        r.shape = {40, kOut};
      }
      const ConstTensorView whole = store.fetch(r);
      r.cut = {1, 32, r.shape[1] - 32};
      const ConstTensorView part = store.fetch(r);
      for (std::int64_t row = 0; row < part.dim(0); ++row) {
        const std::vector<float> all = row_of(whole, row);
        EXPECT_EQ(row_of(part, row), std::vector<float>(all.begin() + 32, all.end())) << name_of(f) << turned;
      }
    }
  }
}

TEST_F(WeightStoreTest, vectors) {
  const std::vector<float> x = values(24, 3);
  std::vector<double> wide(x.begin(), x.end());
  const auto c = open(SafetensorsWriter()
                          .add("d", "F64", {24}, testing::bytes_of(wide))
                          .add("f", "F32", {24}, testing::bytes_of(x))
                          .add("b", "BF16", {24}, testing::bytes_of(to_bf16(x)))
                          .add("n", "F32", {1, 24, 1}, testing::bytes_of(x))
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
  const auto c = open(SafetensorsWriter().add("e", "F32", {3, 16, 64}, testing::bytes_of(m_)).aligned());
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

// Finite in the file, infinite in the format that was asked for.
TEST_F(WeightStoreTest, values_beyond_a_format_are_refused) {
  std::vector<float> large = m_;
  large[5 * kIn + 7] = 1e5F;
  large[6 * kIn + 7] = -1e5F;
  std::vector<float> larger = m_;
  larger[64] = 3.4e38F;
  std::vector<float> infinite = m_;
  infinite[3] = std::numeric_limits<float>::infinity();
  std::vector<double> wide(m_.begin(), m_.end());
  wide[65] = 1e300;
  const auto c = open(SafetensorsWriter()
                          .add("large", "F32", {kOut, kIn}, testing::bytes_of(large))
                          .add("larger", "F32", {kOut, kIn}, testing::bytes_of(larger))
                          .add("infinite", "F32", {kOut, kIn}, testing::bytes_of(infinite))
                          .add("wide", "F64", {kOut, kIn}, testing::bytes_of(wide))
                          .aligned());
  WeightStore store(*c);
  const auto request = [](TensorName name, Format f, Shape shape = {kOut, kIn}) {
    return WeightRequest{.path = "", .name = std::move(name), .shape = shape, .use = WeightUse::kMatrix, .format = f};
  };
  const auto refused = [&](const WeightRequest& r, std::string_view message) {
    expect_error(ErrorKind::kUsage, message, [&] { store.fetch(r); });
  };
  refused(request("large", Format::kF16), "large cannot be f16: its value 1e+05 in row 5, column 7 is beyond");
  refused(request(transposed("large"), Format::kF16, {kIn, kOut}), "its value 1e+05 in row 7, column 5");
  refused(request("large", Format::kInt4), "large cannot be int4: its value");
  refused(request("larger", Format::kBF16), "larger cannot be bf16: its value 3.4e+38 in row 1, column 0");
  refused(request("larger", Format::kQ8_0), "larger cannot be q8_0");
  refused(request("wide", Format::kF32), "wide cannot be f32: its value inf in row 1, column 1");
  for (const Format f : {Format::kBF16, Format::kInt8, Format::kBfp8B, Format::kBfp4B, Format::kQ8_0}) {
    EXPECT_NO_THROW(store.fetch(request("large", f))) << name_of(f);
  }
  // What is infinite in the file stays so; --check-weights finds it.
  EXPECT_NO_THROW(store.fetch(request("infinite", Format::kF16)));
}

TEST_F(WeightStoreTest, same_values) {
  std::vector<float> other = m_;
  other.back() += 1;
  const auto c = open(SafetensorsWriter()
                          .add("a", "F32", {kOut, kIn}, testing::bytes_of(m_))
                          .add("b", "F32", {kOut, kIn}, testing::bytes_of(m_))
                          .add("other", "F32", {kOut, kIn}, testing::bytes_of(other))
                          .add("flat", "F32", {kOut * kIn}, testing::bytes_of(m_))
                          .aligned());
  EXPECT_TRUE(c->same_values("a", "b"));
  for (const char* name : {"other", "flat", "none"}) EXPECT_FALSE(c->same_values("a", name)) << name;
}

struct Wrong {
  const char* name;
  WeightRequest request;
  ErrorKind kind;
  const char* message;
};

TEST_F(WeightStoreTest, refuses) {
  const auto c = open(SafetensorsWriter()
                          .add("m.weight", "F32", {kOut, kIn}, testing::bytes_of(m_))
                          .add("m.ids", "I64", {2}, std::string(16, '\0'))
                          .add("m.f8", "F8_E4M3", {4, 4}, std::string(16, '\0'))
                          .add("m.five", "F32", {1, 1, 1, 1, 1}, "1234")
                          .aligned());
  const auto with = [](TensorName name, Shape shape, Cut cut = {}, WeightUse use = WeightUse::kMatrix,
                       std::optional<Format> format = {}) {
    return WeightRequest{
        .path = "m", .name = std::move(name), .shape = shape, .cut = cut, .use = use, .format = format};
  };
  const Wrong kCases[] = {
      {"missing", with("none", {2, 2}), ErrorKind::kBadData, "[m] none wanted [2, 2], got nothing"},
      {"shape", with("weight", {kIn, kOut}), ErrorKind::kBadData, "[m] weight wanted [64, 48], got [48, 64]"},
      {"transposed", with(transposed("weight"), {kOut, kIn}), ErrorKind::kBadData, "wanted [48, 64], got [64, 48]"},
      {"rows", with(rows("weight", 40, 9), {9, kIn}), ErrorKind::kBadData, "of which this weight is rows 40 to 48"},
      {"fused_columns", with(rows("weight", 16, 16), {16, kIn + 1}), ErrorKind::kBadData,
       "wanted [48, 65], of which this weight is rows 16 to 31, got [48, 64]"},
      {"rows_shape", with(rows("weight", 40, 8), {9, kIn}), ErrorKind::kBadData, "wanted [9, 64], got [8, 64]"},
      {"every", with(every("weight", 0, 4, 16, 4), {16, kIn}), ErrorKind::kBadData,
       "of which this weight is 4 rows every 16 from 0 to 51"},
      {"cut", with("weight", {kOut, kIn}, {0, 40, 9}), ErrorKind::kInternal, "wanted a cut inside [48, 64]"},
      {"dtype", with("f8", {4, 4}), ErrorKind::kUnsupported, "[m] f8 is stored as F8_E4M3"},
      {"integers", with("ids", {2}, {}, WeightUse::kVector), ErrorKind::kUnsupported, "is stored as I64"},
      {"rank", with("five", {1, 1}), ErrorKind::kUnsupported, "more than 4 extents"},
      {"to_q4_k", with("weight", {kOut, kIn}, {}, WeightUse::kMatrix, Format::kQ4_K), ErrorKind::kUnsupported,
       "is stored as F32 and cannot become q4_k"},
      {"table_q4_0", with("weight", {kOut, kIn}, {}, WeightUse::kTable, Format::kQ4_0), ErrorKind::kUnsupported,
       "is a table in F32 and cannot become q4_0"},
      {"table_cut_int8", with("weight", {kOut, kIn}, {1, 0, 32}, WeightUse::kTable, Format::kInt8),
       ErrorKind::kUnsupported, "int8 has one scale for a row"},
      {"cut_group", with("weight", {kOut, kIn}, {1, 8, 16}, WeightUse::kMatrix, Format::kInt8), ErrorKind::kUnsupported,
       "cannot be cut at inputs 8 + 16"},
  };
  HeaderSource plan(*c);
  for (const Wrong& k : kCases) {
    WeightStore store(*c);
    expect_error(k.kind, k.message, [&] { store.fetch(k.request); });
    const std::size_t before = plan.problems().size();
    EXPECT_EQ(plan.fetch(k.request).shape, k.request.cut_shape()) << k.name;
    EXPECT_EQ(plan.problems().size(), before + 1) << k.name;
  }
  expect_error(ErrorKind::kBadData, "1 tensors missing: m.none", [&] { plan.require_complete(); });
}

TEST_F(WeightStoreTest, plan_lists_missing_names) {
  const auto c = open_matrix("F32", testing::bytes_of(m_));
  HeaderSource plan(*c);
  for (int i = 0; i < 9; ++i) plan.fetch({.path = "", .name = text("t", i), .shape = {1}});
  plan.fetch(matrix());
  expect_error(ErrorKind::kBadData, "9 tensors missing: t0, t1, t2, t3, t4, ...", [&] { plan.require_complete(); });
  EXPECT_EQ(plan.records().size(), 1U);
}

TEST_F(WeightStoreTest, plan_names_tensor_and_file) {
  const auto c = open_matrix("F32", testing::bytes_of(m_));
  HeaderSource plan(*c);
  WeightRequest wrong = matrix();
  wrong.shape = {2, 2};
  plan.fetch(wrong);
  expect_error(ErrorKind::kBadData, text(" wanted [2, 2], got [48, 64] (", wrong.full_name(), " of model.safetensors)"),
               [&] { plan.require_complete(); });
}

TEST_F(WeightStoreTest, unused_leaves_out_known_buffers) {
  dir_.write("config.json", R"({"model_type":"llama","tie_word_embeddings":true})");
  dir_.write("model.safetensors", SafetensorsWriter()
                                      .add("model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {1}, "1234")
                                      .add("lm_head.weight", "F32", {1}, "1234")
                                      .add("h.0.attn.bias", "F32", {1, 1, 1, 1}, "1234")
                                      .add("extra", "F32", {1}, "1234")
                                      .aligned());
  const auto c = open_checkpoint(dir_.path(), {});
  EXPECT_EQ(WeightStore(*c).unused(), (std::vector<std::string>{"extra"}));
}

TEST_F(WeightStoreTest, checks_weights) {
  std::vector<float> x(12, 1.0F);
  x[5] = std::numeric_limits<float>::quiet_NaN();
  x[7] = -std::numeric_limits<float>::infinity();
  const auto c = open(SafetensorsWriter()
                          .add("bad", "F32", {3, 4}, testing::bytes_of(x))
                          .add("good", "F32", {3}, std::string(12, '\0'))
                          .add("half", "F16", {2}, std::string("\0\0\0\x7c", 4))
                          .add("ids", "I64", {1}, std::string(8, '\xff'))
                          .bytes());
  const std::vector<NonFinite> found = check_weights(*c);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "bad");
  EXPECT_EQ(found[0].nans, 1);
  EXPECT_EQ(found[0].infinities, 1);
  EXPECT_EQ(found[0].first, 5);
  EXPECT_EQ(found[1].first, 1);
}

// A tensor without elements may have any other extent, and is read; a long row is read in pieces.
TEST_F(WeightStoreTest, checks_weights_of_any_extents) {
  std::vector<float> row(40000, 1.0F);
  row[39999] = std::numeric_limits<float>::quiet_NaN();
  const auto c = open(SafetensorsWriter()
                          .add("long", "F32", {1, 40000}, testing::bytes_of(row))
                          .add("no_columns", "F32", {std::int64_t{1} << 60, 0}, "")
                          .add("no_rows", "F32", {0, std::int64_t{1} << 60}, "")
                          .bytes());
  const std::vector<NonFinite> found = check_weights(*c);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].name, "long");
  EXPECT_EQ(found[0].first, 39999);
}

// Experts one after the other in one tensor, as [experts, out, in] or [experts, in, out], and their biases.
// Tables of integers (the experts of each token) are read as they are stored, aligned or not.
TEST_F(WeightStoreTest, tables_of_integers) {
  const std::vector<std::int32_t> small{3, 1, 4, 1, 5, 9, 2, 6};
  const std::vector<std::int64_t> large{3, -1, 4, 1, 5, std::int64_t{1} << 40};
  for (const std::size_t pad : {0U, 1U}) {
    const auto c = open(SafetensorsWriter()
                            .add("m.small", "I32", {4, 2}, testing::bytes_of(small))
                            .add("m.large", "I64", {3, 2}, testing::bytes_of(large))
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

TEST_F(WeightStoreTest, TakesSlicesOfStackedExperts) {
  constexpr std::int64_t kExperts = 3;
  const std::vector<float> stack = values(kExperts * kOut * kIn, 7), bias = values(kExperts * kOut, 8);
  const auto c = open(SafetensorsWriter()
                          .add("m.stack", "F32", {kExperts, kOut, kIn}, testing::bytes_of(stack))
                          .add("m.columns", "F32", {kExperts, kIn, kOut}, testing::bytes_of(stack))
                          .add("m.bias", "F32", {kExperts, kOut}, testing::bytes_of(bias))
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
