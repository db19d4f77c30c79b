#include "base/format.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"

namespace ttt {
namespace {

TEST(Format, NamesAreUniqueAndReadBack) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Format::kOther); ++i) {
    const auto format = static_cast<Format>(i);
    EXPECT_FALSE(name_of(format).empty()) << i;
    EXPECT_TRUE(names.insert(name_of(format)).second) << name_of(format);
    EXPECT_EQ(format_named(name_of(format)), format);
  }
  EXPECT_EQ(format_named(""), std::nullopt);
  EXPECT_EQ(format_named("BF16"), std::nullopt);
  EXPECT_TRUE(name_of(static_cast<Format>(200)).empty());
}

TEST(Format, DenseAndGroupedAreWeightFormats) {
  for (int i = 0; i <= static_cast<int>(Format::kOther); ++i) {
    const auto format = static_cast<Format>(i);
    EXPECT_EQ(is_dense(format), i <= static_cast<int>(Format::kBF16)) << name_of(format);
    EXPECT_EQ(is_grouped(format), i > static_cast<int>(Format::kBF16) && i < static_cast<int>(Format::kF64));
  }
}

// Sizes of block_q4_0 and so on in ggml-common.h.
TEST(Format, StoredBytes) {
  struct Row {
    Format format;
    std::int64_t elements, bytes;
  };
  for (const Row& r : {Row{Format::kF32, 3, 12},     Row{Format::kBF16, 3, 6},     Row{Format::kF64, 2, 16},
                       Row{Format::kQ4_0, 64, 36},   Row{Format::kQ4_1, 32, 20},   Row{Format::kQ5_0, 32, 22},
                       Row{Format::kQ5_1, 32, 24},   Row{Format::kQ8_0, 32, 34},   Row{Format::kQ4_K, 512, 288},
                       Row{Format::kQ5_K, 256, 176}, Row{Format::kQ6_K, 256, 210}, Row{Format::kQ2_K, 256, 84},
                       Row{Format::kQ3_K, 256, 110}, Row{Format::kIQ4_NL, 32, 18}, Row{Format::kIQ4_XS, 512, 272},
                       Row{Format::kTQ1_0, 256, 54}, Row{Format::kTQ2_0, 256, 66}, Row{Format::kBfp8B, 64, 68},
                       Row{Format::kBfp4B, 32, 18},  Row{Format::kBool, 5, 5}}) {
    EXPECT_EQ(stored_bytes(r.format, r.elements, "x"), r.bytes) << name_of(r.format);
    EXPECT_EQ(stored_bytes(r.format, 0, "x"), 0);
    const FormatTraits& t = traits_of(r.format);
    EXPECT_EQ(t.nominal_bits, static_cast<double>(8 * t.block_bytes) / static_cast<double>(t.block_elements));
  }
}

TEST(Format, RowsOfInt8BeginWithTheirScale) {
  EXPECT_EQ(stored_bytes(Format::kInt8, 64, "x"), 4 + 64);
  EXPECT_EQ(stored_bytes(Format::kInt4, 64, "x"), 40);
}

TEST(Format, StoredBytesRefuses) {
  const auto error_of = [](Format format, std::int64_t elements, ErrorKind kind) -> std::string {
    try {
      stored_bytes(format, elements, "w");
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind);
      return e.what();
    }
    return "accepted";
  };
  EXPECT_EQ(error_of(Format::kQ4_0, 33, ErrorKind::kBadData), "w: q4_0 wanted a multiple of 32 values, got 33");
  EXPECT_EQ(error_of(Format::kOther, 32, ErrorKind::kUnsupported), "w: format other has no layout in files");
  EXPECT_NE(error_of(Format::kOther, 1, ErrorKind::kUnsupported), "accepted");
  EXPECT_NE(error_of(Format::kF64, INT64_MAX, ErrorKind::kBadData), "accepted");
  EXPECT_NE(error_of(Format::kF32, -4, ErrorKind::kBadData), "accepted");
  EXPECT_NE(error_of(Format::kQ4_0, -32, ErrorKind::kBadData), "accepted");
}

}  // namespace
}  // namespace ttt
