// Matrices of 4-bit floating-point numbers whose scales are tensors of their own, as directories hold them.

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/weight_store.h"
#include "kernels/formats/packed.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;
using testing::SafetensorsWriter;
using testing::TempDir;

constexpr std::int64_t kExperts = 2, kRows = 20, kIn = 96, kBlocks = kIn / 32;
constexpr const char* kConfig = R"({"model_type":"x","quantization_config":{"quant_method":"mxfp4"}})";

struct Bytes {
  std::string blocks, scales;
};

Bytes random_bytes() {
  testing::Random random(3);
  Bytes b;
  for (std::int64_t i = 0; i < kExperts * kRows * kBlocks; ++i) {
    b.scales.push_back(static_cast<char>(120 + random.below(10)));
    for (int j = 0; j < 16; ++j) b.blocks.push_back(static_cast<char>(random.below(256)));
  }
  return b;
}

// By hand: two neighbours in a byte, the first in its low half.
float value(const Bytes& b, std::int64_t expert, std::int64_t row, std::int64_t column) {
  constexpr float kNumbers[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
  const std::int64_t block = (expert * kRows + row) * kBlocks + column / 32;
  const auto byte = static_cast<std::uint8_t>(b.blocks[static_cast<std::size_t>(block * 16 + column % 32 / 2)]);
  const int code = column % 2 == 0 ? byte & 15 : byte >> 4;
  return std::ldexp(code < 8 ? kNumbers[code] : -kNumbers[code - 8],
                    static_cast<std::uint8_t>(b.scales[static_cast<std::size_t>(block)]) - 127);
}

std::unique_ptr<const Checkpoint> open(const TempDir& dir, const Bytes& b, bool flat = false) {
  SafetensorsWriter w;
  const std::vector<std::int64_t> split{kExperts, kRows, kBlocks, 16}, joined{kExperts, kRows, kBlocks * 16};
  w.add("w_blocks", "U8", flat ? joined : split, b.blocks);
  w.add("w_scales", "U8", {kExperts, kRows, kBlocks}, b.scales);
  dir.write("config.json", kConfig);
  dir.write("model.safetensors", w.bytes());
  return open_checkpoint(dir.path(), {});
}

class Mxfp4 : public ::testing::TestWithParam<bool> {};

TEST_P(Mxfp4, RowsOfASliceAreWhatBytesSay) {
  const TempDir dir;
  const Bytes b = random_bytes();
  const auto checkpoint = open(dir, b, GetParam());
  WeightStore store(*checkpoint);
  for (const std::optional<Format> format : {std::optional<Format>{}, std::optional(Format::kF32)}) {
    // Every other row of the second expert, of which a rank holds the inputs from 32 on.
    const WeightRequest request{.name = every(slice("w", 1), 1, 1, 2, kRows / 2),
                                .shape = {kRows / 2, kIn},
                                .cut = {1, 32, 64},
                                .format = format};
    const ConstTensorView v = store.fetch(request);
    EXPECT_EQ(v.format, format.value_or(Format::kMXFP4));
    for (std::int64_t r = 0; r < kRows / 2; ++r) {
      std::vector<float> row(64);
      if (format) {
        kernels::decode_row(v, r, 0, 64, row.data());
      } else {
        kernels::decode_packed_row(v, r, row.data());
      }
      for (std::int64_t i = 0; i < 64; ++i) {
        ASSERT_EQ(row[static_cast<std::size_t>(i)], value(b, 1, 2 * r + 1, 32 + i)) << r << ", " << i;
      }
    }
  }
  EXPECT_TRUE(store.unused().empty());
}

INSTANTIATE_TEST_SUITE_P(Blocks, Mxfp4, ::testing::Bool());

TEST(Mxfp4Errors, BlocksWithoutTheirScales) {
  const TempDir dir;
  SafetensorsWriter w;
  w.add("w_blocks", "U8", {2, 1, 16}, std::string(32, '\0'));
  dir.write("config.json", kConfig);
  dir.write("model.safetensors", w.bytes());
  expect_error(ErrorKind::kBadData, "w_scales", [&] { open_checkpoint(dir.path(), {}); });
}

TEST(Mxfp4Errors, ScalesOfOtherExtents) {
  const TempDir dir;
  Bytes b = random_bytes();
  SafetensorsWriter w;
  w.add("w_blocks", "U8", {kExperts, kRows, kBlocks, 16}, b.blocks);
  b.scales.resize(static_cast<std::size_t>(kExperts * kBlocks));
  w.add("w_scales", "U8", {kExperts, 1, kBlocks}, b.scales);
  dir.write("config.json", kConfig);
  dir.write("model.safetensors", w.bytes());
  expect_error(ErrorKind::kBadData, "wanted bytes of the extents", [&] { open_checkpoint(dir.path(), {}); });
}

}  // namespace
}  // namespace ttt
