// NaN in a stored key or value reaches the rows that read it, whatever the format of the state: it must not become a
// number on the way.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

class NanState : public testing::TestWithParam<Format> {
 protected:
  // A model whose embedding of token 5 begins with this value.
  void make_model(std::uint16_t bf16) {
    support::write_random_checkpoint(model_, support::golden_config("gqa"));
    const auto file = model_ / "model.safetensors";
    std::string bytes = support::read_file(file);
    const SafetensorsFile tensors = open_safetensors(file, FileAccess::kCopy);
    const auto table = std::ranges::find(tensors.tensors, "model.embed_tokens.weight", &StoredTensor::name);
    ASSERT_NE(table, tensors.tensors.end());
    const std::int64_t row = table->bytes / table->shape[0], width = row / table->shape[1];
    const std::uint32_t f32 = std::uint32_t{bf16} << 16;
    if (width == 4) std::memcpy(bytes.data() + table->offset + 5 * row, &f32, 4);
    if (width == 2) std::memcpy(bytes.data() + table->offset + 5 * row, &bf16, 2);
    support::write_file(file, bytes);
  }
  std::string logits_after(std::int32_t first, std::int64_t chunk) {
    support::TestModel model(model_, {.state_format = GetParam()}, 16);
    Runner runner = model.runner(chunk, 1);
    Sequence sequence = runner.create();
    try {
      runner.extend(sequence, std::vector<std::int32_t>{first, 6, 7});
    } catch (const Error& e) {
      return e.what();
    }
    return "numbers";
  }

  support::TemporaryDirectory directory_;
  std::filesystem::path model_ = directory_.path() / "model";
};
INSTANTIATE_TEST_SUITE_P(Formats, NanState, testing::Values(Format::kF32, Format::kBF16, Format::kInt8, Format::kBfp8B),
                         [](const auto& format) { return std::string(name_of(format.param)); });

TEST_P(NanState, ReachesTheRowsThatReadIt) {
  for (const std::uint16_t bad : {std::uint16_t{0x7FC0}, std::uint16_t{0xFFC0}}) {
    make_model(bad);
    for (const std::int64_t chunk : {1, 3}) {
      EXPECT_EQ(logits_after(4, chunk), "numbers");
      EXPECT_NE(logits_after(5, chunk), "numbers") << chunk;
    }
  }
}

}  // namespace
}  // namespace ttt
