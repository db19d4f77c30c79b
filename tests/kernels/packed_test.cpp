#include "kernels/formats/packed.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <numeric>

#include "base/error.h"
#include "kernels/formats/half.h"
#include "kernels/formats/stored_block.h"
#include "kernels/grouped_data.h"
#include "support/error_of.h"

namespace ttt::kernels {
namespace {

using namespace grouped_tests;

std::vector<std::byte> golden(const std::string& name) {
  std::ifstream in(std::string(TTT_SOURCE_DIR "/tests/golden/gguf_blocks/") + name + ".bin", std::ios::binary);
  EXPECT_TRUE(in) << name;
  const std::vector<char> chars{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::byte> bytes(chars.size());
  if (!chars.empty()) std::memcpy(bytes.data(), chars.data(), chars.size());
  return bytes;
}

std::int64_t count_of(const std::vector<std::byte>& file) {
  std::uint32_t n = 0;
  std::memcpy(&n, file.data(), 4);
  return n;
}

std::vector<float> floats_at(const std::vector<std::byte>& file, std::int64_t at, std::int64_t n) {
  std::vector<float> v(static_cast<std::size_t>(n));
  std::memcpy(v.data(), file.data() + at, v.size() * 4);
  return v;
}

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]), std::bit_cast<std::uint32_t>(wanted[i]))
        << "at " << i << ": " << got[i] << " wanted " << wanted[i];
  }
}

std::vector<float> decoded(const ConstTensorView& rows, std::int64_t r, std::int64_t begin, std::int64_t count) {
  std::vector<float> v(static_cast<std::size_t>(count));
  decode_row(rows, r, begin, count, v.data());
  return v;
}

class Stored : public testing::TestWithParam<Format> {};

TEST_P(Stored, DecodeEqualsGguf) {
  const FormatTraits& t = traits_of(GetParam());
  const auto file = golden(std::string(t.name));
  const std::int64_t blocks = count_of(file), values = blocks * t.block_elements;
  ASSERT_EQ(static_cast<std::int64_t>(file.size()), 4 + blocks * t.block_bytes + 4 * values);
  const ConstTensorView rows = view_of(file.data() + 4, GetParam(), {1, values});
  expect_same_bits(decoded(rows, 0, 0, values), floats_at(file, 4 + blocks * t.block_bytes, values));
}

TEST_P(Stored, DecodesAnyPartOfARow) {
  const auto bytes = random_blocks(GetParam(), 2, 512, 5);
  const ConstTensorView rows = view_of(bytes.data(), GetParam(), {2, 512});
  const auto whole = decoded(rows, 1, 0, 512);
  for (const auto& [begin, count] : {std::pair{0, 1}, {31, 2}, {17, 300}, {255, 257}, {511, 1}, {40, 0}}) {
    expect_same_bits(decoded(rows, 1, begin, count), {whole.begin() + begin, whole.begin() + begin + count});
  }
}

TEST_P(Stored, PackingKeepsEveryValue) {
  for (const std::int64_t out : {1, 15, 16, 17, 33}) {
    for (const std::int64_t in : {256, 512, 768}) {
      const auto bytes = random_blocks(GetParam(), out, in, 11);
      const ConstTensorView rows = view_of(bytes.data(), GetParam(), {out, in});
      PackedMatrix m(GetParam(), out, in);
      pack_panels(GetParam(), {.rows = rows}, out, in, 0, panels_of(out), m.memory.data());
      for (std::int64_t r = 0; r < out; ++r) expect_same_bits(m.row(r), decoded(rows, r, 0, in));
    }
  }
}

TEST_P(Stored, PacksCutsOfChosenRows) {
  const std::int64_t source_rows = 40, source_in = 1024, out = 21;
  const auto bytes = random_blocks(GetParam(), source_rows, source_in, 12);
  const ConstTensorView rows = view_of(bytes.data(), GetParam(), {source_rows, source_in});
  std::vector<std::int64_t> index(static_cast<std::size_t>(out));
  for (std::int64_t r = 0; r < out; ++r) index[static_cast<std::size_t>(r)] = (r * 17 + 3) % source_rows;
  for (const auto& [begin, in] : {std::pair{0, 96}, {32, 96}, {256, 512}, {224, 800}, {992, 32}, {64, 0}}) {
    PackedMatrix m(GetParam(), out, in);
    const PackSource source{.rows = rows, .row_index = index.data(), .in_begin = begin};
    pack_panels(GetParam(), source, out, in, 1, 2, m.memory.data());  // panels are independent
    pack_panels(GetParam(), source, out, in, 0, 1, m.memory.data());
    for (std::int64_t r = 0; r < out; ++r) {
      expect_same_bits(m.row(r), decoded(rows, index[static_cast<std::size_t>(r)], begin, in));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Packed, Stored, testing::ValuesIn(kStored), [](const auto& i) { return case_name(i.param); });

class Quantised : public testing::TestWithParam<Format> {};

// At most half a step of the group, plus what rounding the scale and the minimum to f16 moves.
double allowed_loss(Format format, const float* x, std::int64_t i, std::int64_t in) {
  const std::int64_t group = format == Format::kInt8                                ? in
                             : format == Format::kBfp8B || format == Format::kBfp4B ? 16
                                                                                    : 32;
  const std::int64_t begin = i / group * group, end = std::min(begin + group, in);
  float least = x[begin], most = x[begin], largest = 0;
  for (std::int64_t j = begin; j < end; ++j) {
    least = std::min(least, x[j]), most = std::max(most, x[j]), largest = std::max(largest, std::fabs(x[j]));
  }
  const double half = 0x1p-11;
  if (format == Format::kInt8) return largest / 127 * 0.5 * (1 + 1e-6);
  if (format == Format::kQ8_0) return largest / 127 * 0.5 + largest * half;
  if (format == Format::kInt4) return (most - least) / 30.0 + std::fabs(least) * half + (most - least) * half;
  const int bits = format == Format::kBfp8B ? 7 : 3;
  const double step = std::ldexp(1.0, std::ilogb(largest) - bits + 1);
  const bool saturates = std::fabs(x[i]) > (std::ldexp(1.0, bits) - 1) * step;  // nothing is above the last code
  return saturates ? step : step / 2;
}

TEST_P(Quantised, LosesAtMostHalfAStep) {
  const std::int64_t out = 18, in = GetParam() == Format::kQ8_0 ? 96 : 87;
  auto x = random_floats(out * in, 21, 0.3f);
  for (std::int64_t i = 0; i < in; ++i) x[static_cast<std::size_t>(i)] = 0;
  for (std::int64_t i = in; i < 2 * in; ++i) x[static_cast<std::size_t>(i)] += 1.5f;
  PackedMatrix m(GetParam(), out, in);
  pack_panels(GetParam(), {.rows = view_of(x.data(), {out, in})}, out, in, 0, panels_of(out), m.memory.data());
  for (std::int64_t r = 0; r < out; ++r) {
    const auto got = m.row(r);
    const float* row = x.data() + r * in;
    for (std::int64_t i = 0; i < in; ++i) {
      const double loss = std::fabs(double{got[static_cast<std::size_t>(i)]} - double{row[i]});
      EXPECT_LE(loss, r == 0 ? 0 : allowed_loss(GetParam(), row, i, in)) << "row " << r << " at " << i;
    }
  }
}

TEST_P(Quantised, ReadsEveryDenseFormat) {
  const std::int64_t out = 5, in = 64;
  std::vector<std::uint16_t> halves, brains;
  std::vector<float> x = random_floats(out * in, 22);
  for (float& v : x) {
    v = bf16_to_f32(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16));
    v = std::fabs(v) < 0.01f ? 0 : v;  // leaves what both formats hold exactly
    brains.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16));
    halves.push_back(f32_to_f16(v));
  }
  std::vector<std::vector<float>> results;
  for (const auto& [data, format] : {std::pair<const void*, Format>{x.data(), Format::kF32},
                                     {halves.data(), Format::kF16},
                                     {brains.data(), Format::kBF16}}) {
    PackedMatrix m(GetParam(), out, in);
    const auto rows = view_of(static_cast<const std::byte*>(data), format, {out, in});
    pack_panels(GetParam(), {.rows = rows}, out, in, 0, 1, m.memory.data());
    results.push_back(m.row(4));
  }
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

INSTANTIATE_TEST_SUITE_P(Packed, Quantised, testing::ValuesIn(kQuantised),
                         [](const auto& i) { return case_name(i.param); });

// What write_stored_row writes is read as what pack_panels makes of the same values.
TEST_P(Quantised, StoredRowsHaveTheCodesOfPanels) {
  const std::int64_t out = 5, in = 96;
  auto x = random_floats(out * in, 31, 0.3f);
  for (std::int64_t i = 0; i < in; ++i) x[static_cast<std::size_t>(i)] = i % 7 == 0 ? -0.0f : 0;
  for (std::int64_t i = in; i < 2 * in; ++i) x[static_cast<std::size_t>(i)] *= -1e-3f;
  PackedMatrix direct(GetParam(), out, in), stored(GetParam(), out, in);
  pack_panels(GetParam(), {.rows = view_of(x.data(), {out, in})}, out, in, 0, 1, direct.memory.data());
  const std::int64_t row_bytes = stored_bytes(GetParam(), in, "row");
  std::vector<std::byte> rows(static_cast<std::size_t>(out * row_bytes));
  for (std::int64_t r = 0; r < out; ++r)
    write_stored_row(GetParam(), x.data() + r * in, in, rows.data() + r * row_bytes);
  const ConstTensorView view = view_of(rows.data(), GetParam(), {out, in});
  pack_panels(GetParam(), {.rows = view}, out, in, 0, 1, stored.memory.data());
  const auto bytes = static_cast<std::size_t>(packed_bytes(GetParam(), out, in));
  EXPECT_EQ(std::memcmp(direct.memory.data(), stored.memory.data(), bytes), 0);
  for (std::int64_t r = 0; r < out; ++r) expect_same_bits(decoded(view, r, 0, in), direct.row(r));
}

TEST(Packed, Q8FromF32EqualsGguf) {
  const auto file = golden("q8_0_from_f32");
  const std::int64_t groups = count_of(file), in = 32 * groups;
  const auto x = floats_at(file, 4, in);
  const ConstTensorView wanted = view_of(file.data() + 4 + 4 * in, Format::kQ8_0, {1, in});
  PackedMatrix m(Format::kQ8_0, 1, in);
  pack_panels(Format::kQ8_0, {.rows = view_of(x.data(), {1, in})}, 1, in, 0, 1, m.memory.data());
  expect_same_bits(m.row(0), decoded(wanted, 0, 0, in));
}

TEST(Packed, BfpByHand) {
  // The largest value, 1.5, has exponent 127: bfp8_b counts in 1/64, bfp4_b in 1/4. Ties go to even.
  std::vector<float> x(32, 0.0f);
  x[0] = 1.5f, x[1] = -0.5f, x[2] = 1.5f / 64, x[3] = 2.5f / 64, x[4] = 0.375f, x[5] = 1e-39f, x[6] = -1.99f;
  x[16] = 0x1p-126f;
  PackedMatrix eight(Format::kBfp8B, 1, 32), four(Format::kBfp4B, 1, 32);
  pack_panels(Format::kBfp8B, {.rows = view_of(x.data(), {1, 32})}, 1, 32, 0, 1, eight.memory.data());
  pack_panels(Format::kBfp4B, {.rows = view_of(x.data(), {1, 32})}, 1, 32, 0, 1, four.memory.data());
  const auto e = eight.row(0), f = four.row(0);
  EXPECT_EQ((std::vector<float>{e.begin(), e.begin() + 7}),
            (std::vector<float>{1.5f, -0.5f, 2.0f / 64, 2.0f / 64, 0.375f, 0, -127.0f / 64}));
  EXPECT_EQ((std::vector<float>{f.begin(), f.begin() + 7}), (std::vector<float>{1.5f, -0.5f, 0, 0, 0.5f, 0, -1.75f}));
  EXPECT_EQ(e[16], 0x1p-126f);
}

TEST(Packed, HalfPrecisionNumbers) {
  for (std::uint32_t h = 0; h < 0x10000; ++h) {
    const auto half = static_cast<std::uint16_t>(h);
    const float x = f16_to_f32(half);
    if ((h & 0x7FFF) > 0x7C00) {
      EXPECT_TRUE(std::isnan(x));
      continue;
    }
    ASSERT_EQ(f32_to_f16(x), half);
    if ((h & 0x7FFF) < 0x7BFF) {
      // Halfway to the next magnitude goes to the even one, a hair beyond goes up.
      const float next = f16_to_f32(static_cast<std::uint16_t>(h + 1)), middle = x / 2 + next / 2;
      ASSERT_EQ(f32_to_f16(middle), h % 2 ? h + 1 : h);
      ASSERT_EQ(f32_to_f16(std::nextafter(middle, next)), h + 1);
      ASSERT_EQ(f32_to_f16(std::nextafter(middle, x)), h);
    }
  }
  EXPECT_EQ(f16_to_f32(0x3C00), 1.0f);
  EXPECT_EQ(f16_to_f32(0x0001), 0x1p-24f);
  EXPECT_EQ(f32_to_f16(1e6f), 0x7C00);
}

TEST(Packed, SizesStayWithinFourPercentOfTheSource) {
  for (int f = 0; f <= static_cast<int>(Format::kTQ2_0); ++f) {
    const auto format = static_cast<Format>(f);
    if (!is_grouped(format)) continue;
    // Its digits to the base 3 are packed in two bits each.
    if (format == Format::kTQ1_0) continue;
    const double bits = 8.0 * static_cast<double>(packed_bytes(format, 4096, 4096)) / 4096 / 4096;
    EXPECT_LE(bits, 1.04 * traits_of(format).nominal_bits) << name_of(format);
    EXPECT_GE(bits, traits_of(format).nominal_bits) << name_of(format);
  }
}

// ---- what is refused ------------------------------------------------------------------------------------------------

std::string refusal(ErrorKind kind, const auto& f) { return support::error_of(f, kind); }

TEST(Packed, RefusesSizes) {
  EXPECT_EQ(refusal(ErrorKind::kUnsupported, [] { packed_bytes(Format::kBF16, 16, 32); }),
            "packing wanted a grouped format, got bf16");
  EXPECT_EQ(refusal(ErrorKind::kBadData, [] { packed_bytes(Format::kQ4_K, 16, 48); }),
            "packing to q4_k wanted inputs in multiples of 32, got 48");
  EXPECT_EQ(refusal(ErrorKind::kBadData, [] { packed_bytes(Format::kInt8, -1, 32); }),
            "packing wanted extents of at least 0, got [-1, 32]");
  EXPECT_NE(refusal(ErrorKind::kBadData, [] { packed_bytes(Format::kInt8, 16, INT64_MAX / 8); }).find("overflows"),
            std::string::npos);
}

TEST(Packed, RefusesSources) {
  const std::vector<std::byte> bytes(1 << 16);
  std::byte to[4096];
  const auto pack = [&](Format format, PackSource source, std::int64_t out, std::int64_t in, std::int64_t end = 1) {
    return [=, &to] { pack_panels(format, source, out, in, 0, end, to); };
  };
  const auto stored = [&](Format format) { return PackSource{.rows = view_of(bytes.data(), format, {2, 1024})}; };
  const ErrorKind unsupported = ErrorKind::kUnsupported, bad = ErrorKind::kBadData;
  EXPECT_EQ(refusal(unsupported, pack(Format::kQ4_0, stored(Format::kQ4_1), 2, 32)),
            "packing to q4_0 wanted q4_0 rows, got q4_1");
  EXPECT_EQ(refusal(unsupported, pack(Format::kInt8, stored(Format::kQ4_1), 2, 32)),
            "packing to int8 wanted dense rows, got q4_1");
  PackSource panels = stored(Format::kQ4_0);
  panels.rows.layout = Layout::kPanels;
  EXPECT_EQ(refusal(unsupported, pack(Format::kQ4_0, panels, 2, 32)),
            "packing to q4_0 wanted a row-major matrix, got [2, 1024]");
  PackSource cut = stored(Format::kQ6_K);
  cut.in_begin = 16;
  EXPECT_EQ(refusal(bad, pack(Format::kQ6_K, cut, 2, 32)),
            "packing to q6_k wanted in_begin at a multiple of 32, got 16");
  cut.in_begin = 32;
  EXPECT_EQ(refusal(unsupported, pack(Format::kQ6_K, cut, 2, 256)),
            "packing to q6_k wanted a cut of 256 inputs to begin at a multiple of 256, got 32");
  EXPECT_EQ(refusal(bad, pack(Format::kQ6_K, cut, 2, 1024 - 8 * 32 + 32 * 10)),
            "packing to q6_k wanted inputs up to 1120, got rows of 1024");
  EXPECT_EQ(refusal(bad, pack(Format::kQ4_0, stored(Format::kQ4_0), 3, 32)),
            "packing to q4_0 wanted a row below 2, got 2");
  EXPECT_EQ(refusal(ErrorKind::kUsage, pack(Format::kQ4_0, stored(Format::kQ4_0), 2, 32, 2)),
            "packing wanted panels within [0, 1], got [0, 2)");
}

TEST(Packed, RefusesDecoding) {
  const std::vector<std::byte> bytes(1 << 12);
  float out[64];
  const ConstTensorView panels = packed_view(bytes.data(), Format::kQ4_0, 2, 64);
  EXPECT_EQ(refusal(ErrorKind::kUnsupported, [&] { decode_row(panels, 0, 0, 1, out); }),
            "decode_row wanted a row-major view, got panels of q4_0");
  const ConstTensorView other{bytes.data(), Format::kI8, Layout::kRowMajor, {2, 64}, 40};
  EXPECT_EQ(refusal(ErrorKind::kUnsupported, [&] { decode_row(other, 0, 0, 1, out); }),
            "decode_row wanted a format that files hold rows in, got i8");
  EXPECT_EQ(refusal(ErrorKind::kUnsupported, [&] { decode_packed_row(other, 0, out); }),
            "decode_packed_row wanted packed panels, got [2, 64] in i8");
  EXPECT_EQ(refusal(ErrorKind::kBadData, [&] { decode_packed_row(panels, 2, out); }),
            "decode_packed_row wanted a row below 2, got 2");
}

}  // namespace
}  // namespace ttt::kernels
