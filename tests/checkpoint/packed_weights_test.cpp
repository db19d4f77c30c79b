// Linear layers of quantised directories, against values that tools/make_packed_golden.py computes by the definition of
// each layout.

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "base/error.h"
#include "checkpoint/weight_store.h"
#include "kernels/formats/packed.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::TempDir;

constexpr std::int64_t kOut = 24, kIn = 256;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden/packed_weights" / name;
}

struct Case {
  std::string name;
  Format format;     // that blocks get
  double tolerance;  // of the largest value of the layer
};

class PackedWeights : public ::testing::TestWithParam<Case> {};

WeightRequest request(std::optional<Format> format) {
  return {.path = "layer", .name = "weight", .shape = {kOut, kIn}, .format = format};
}

std::vector<float> values_of(const ConstTensorView& v) {
  std::vector<float> values(static_cast<std::size_t>(kOut * kIn));
  for (std::int64_t r = 0; r < kOut; ++r) {
    float* to = values.data() + r * kIn;
    if (v.layout == Layout::kPanels) {
      kernels::decode_packed_row(v, r, to);
    } else {
      kernels::decode_row(v, r, 0, kIn, to);
    }
  }
  return values;
}

TEST_P(PackedWeights, AreWhatTheirLayoutMeans) {
  const Case& c = GetParam();
  const auto checkpoint = open_checkpoint(golden(c.name), {});
  const StoredTensor* expected = checkpoint->find("expected");
  ASSERT_NE(expected, nullptr);
  const auto* wanted = reinterpret_cast<const float*>(expected->data);
  WeightStore store(*checkpoint);
  const ConstTensorView as_stored = store.fetch(request({})), exact = store.fetch(request(Format::kF32));
  EXPECT_EQ(as_stored.format, c.format);
  const std::vector<float> got = values_of(as_stored), decoded = values_of(exact);
  float most = 0;
  for (std::int64_t i = 0; i < kOut * kIn; ++i) most = std::max(most, std::fabs(wanted[i]));
  for (std::int64_t i = 0; i < kOut * kIn; ++i) {
    const auto at = static_cast<std::size_t>(i);
    ASSERT_NEAR(got[at], wanted[i], c.tolerance * most) << i;
    const bool fp8 = c.format == Format::kBF16;
    ASSERT_NEAR(decoded[at], wanted[i], (fp8 ? 0 : c.tolerance) * most) << i;
  }
  EXPECT_EQ(checkpoint->config().find("quantization_config"), nullptr);
  EXPECT_TRUE(checkpoint->find("layer.qzeros") == nullptr && checkpoint->find("layer.weight_scale") == nullptr);
}

TEST_P(PackedWeights, PartsAreThoseOfTheWhole) {
  const auto checkpoint = open_checkpoint(golden(GetParam().name), {});
  WeightStore store(*checkpoint);
  const std::vector<float> whole = values_of(store.fetch(request({})));
  WeightRequest r = request({});
  r.cut = {.axis = 0, .begin = 16, .count = 8};
  const ConstTensorView lower = store.fetch(r);
  r.cut = {.axis = 1, .begin = 64, .count = 96};
  const ConstTensorView right = store.fetch(r);
  const auto row = [](const ConstTensorView& v, std::int64_t i) {
    std::vector<float> values(static_cast<std::size_t>(v.dim(1)));
    if (v.layout == Layout::kPanels) {
      kernels::decode_packed_row(v, i, values.data());
    } else {
      kernels::decode_row(v, i, 0, v.dim(1), values.data());
    }
    return values;
  };
  for (std::int64_t i = 0; i < 8; ++i) {
    const auto begin = whole.begin() + (16 + i) * kIn;
    EXPECT_EQ(row(lower, i), std::vector<float>(begin, begin + kIn));
  }
  for (std::int64_t i = 0; i < kOut; ++i) {
    const auto begin = whole.begin() + i * kIn + 64;
    EXPECT_EQ(row(right, i), std::vector<float>(begin, begin + 96));
  }
}

// Of int4 the minimum is rounded to f16: 2^-12 of at most 15 steps.
INSTANTIATE_TEST_SUITE_P(
    Layouts, PackedWeights,
    ::testing::Values(Case{"gptq_symmetric", Format::kQ4_0, 0}, Case{"gptq_asymmetric", Format::kInt4, 5e-4},
                      Case{"gptq_v2", Format::kInt4, 5e-4}, Case{"gptq_whole_rows", Format::kQ4_0, 0},
                      Case{"awq", Format::kInt4, 5e-4}, Case{"fp8_blocks", Format::kBF16, 0x1p-8},
                      Case{"fp8_tensor", Format::kBF16, 0x1p-8}, Case{"fp8_channels", Format::kBF16, 0x1p-8},
                      Case{"int8_channels", Format::kInt8, 0}),
    [](const auto& i) { return i.param.name; });

// What opening a copy of a case with other text in its configuration says.
std::string refusal(const std::string& name, ErrorKind kind, const std::string& from, const std::string& to) {
  const TempDir dir;
  std::filesystem::copy(golden(name) / "model.safetensors", dir.path() / "model.safetensors");
  std::ifstream in(golden(name) / "config.json");
  std::string config{std::istreambuf_iterator<char>(in), {}};
  const std::size_t at = config.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  config.replace(at, from.size(), to);
  dir.write("config.json", config);
  try {
    open_checkpoint(dir.path(), {});
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "accepted";
}

TEST(PackedWeightsRefused, SettingsByName) {
  constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported, kBad = ErrorKind::kBadData;
  const auto says = [](const std::string& message, const std::string& part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says(refusal("gptq_symmetric", kUnsupported, "\"bits\": 4", "\"bits\": 3"), "bits wanted 4, got '3'");
  says(refusal("gptq_symmetric", kUnsupported, "\"group_size\": 128", "\"group_size\": 48"),
       "group_size wanted 32, 64, 128 or -1, got '48'");
  says(refusal("gptq_symmetric", kBad, "\"group_size\": 128", "\"group_size\": 64"), "'layer.qzeros' wanted [4, 3]");
  says(refusal("gptq_symmetric", kUnsupported, "\"bits\"", "\"checkpoint_format\": \"marlin\", \"bits\""),
       "checkpoint_format");
  says(refusal("gptq_shuffled", kUnsupported, "\"bits\": 4", "\"bits\": 4"), "desc_act");
  says(refusal("awq", kUnsupported, "gemm", "gemv"), "version wanted gemm");
  says(refusal("fp8_blocks", kBad, "16,", "8,"), "'layer.weight_scale_inv' wanted one scale");
  says(refusal("fp8_blocks", kUnsupported, "e4m3", "e5m2"), "fmt wanted e4m3");
  says(refusal("int8_channels", kUnsupported, "int-quantized", "pack-quantized"), "format wanted float-quantized");
  says(refusal("int8_channels", kUnsupported, "\"num_bits\": 8", "\"num_bits\": 4"), "wanted 8 bits");
}

}  // namespace
}  // namespace ttt
