// The llama family against Hugging Face in f32, on random checkpoints of many shapes.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "collectives/threads.h"
#include "support/digest.h"
#include "support/model.h"
#include "support/random_checkpoint.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;
using support::TestModel;

const fs::path kGolden = fs::path(TTT_SOURCE_DIR) / "tests/golden/llama";

std::vector<std::string> shapes() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

Json config_of(const std::string& shape) {
  const fs::path file = kGolden / shape / "config.json";
  return Json::parse(read_small_file(file, 1 << 20, "config.json"), file.string());
}

class LlamaShapes : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    config_ = config_of(GetParam());
    support::write_random_checkpoint(f32_, config_, {});
    support::write_random_checkpoint(bf16_, config_, {.stored_as = support::StoredAs::kBF16, .shard_bytes = 60'000});
  }

  std::vector<std::int32_t> ids(std::int64_t count) const {
    return support::random_tokens(config_.at("vocab_size", "config").as_integer("vocab_size"), count);
  }
  static support::Digest digest(std::int64_t tokens) {
    return support::Digest::load(kGolden / GetParam() / (text(tokens) + ".digest"));
  }

  support::TemporaryDirectory directory_;
  fs::path f32_ = directory_.path() / "f32", bf16_ = directory_.path() / "bf16";
  Json config_;
};

constexpr double kMaxError = 1e-4;  // of the logit range

TEST_P(LlamaShapes, EqualsHuggingFaceHoweverThePromptIsSplit) {
  for (const std::int64_t tokens : {16, 700, 3000}) {
    const auto reference = digest(tokens);
    const auto prompt = ids(tokens);
    reference.require_ids(prompt);
    TestModel model(f32_, {}, tokens);
    const auto check = [&](std::int64_t prefill, std::int64_t chunk, std::int64_t page_rows) {
      const support::DigestMatch match = reference.compare(model.logits(prompt, prefill, chunk, page_rows));
      EXPECT_LT(match.error, kMaxError) << tokens << " tokens, prefill " << prefill << ", chunk " << chunk << ": "
                                        << match.message;
    };
    check(tokens, tokens, 0);
    check(tokens, 129, 64);
    check(tokens <= 700 ? 0 : 2900, 512, 0);
  }
}

TEST_P(LlamaShapes, Bf16WeightsKeepTheCorrelation) {
  for (const std::int64_t tokens : {16, 700, 3000}) {
    TestModel model(bf16_, {.weight_format = Format::kBF16}, tokens);
    const support::DigestMatch match = digest(tokens).compare(model.logits(ids(tokens), tokens, 512));
    EXPECT_GE(match.pcc, 0.9999) << match.message;
  }
}

TEST_P(LlamaShapes, ShardedBf16ReadAsF32EqualsHuggingFace) {
  TestModel model(bf16_, {.weight_format = Format::kF32}, 700);
  const support::DigestMatch match = digest(700).compare(model.logits(ids(700), 700, 512));
  EXPECT_LT(match.error, kMaxError) << match.message;
}

TEST_P(LlamaShapes, RanksAgreeWithOne) {
  constexpr std::int64_t kTokens = 16;
  const auto reference = digest(kTokens);
  const auto prompt = ids(kTokens);
  const std::int64_t heads = config_.at("num_attention_heads", "config").as_integer("heads");
  for (std::int64_t ranks = 2; ranks <= std::min<std::int64_t>(4, heads); ++ranks) {
    std::vector<std::vector<float>> logits(static_cast<std::size_t>(ranks));
    run_ranks(ranks, [&](std::int64_t rank, Communicator& communicator) {
      TestModel model(f32_, {}, kTokens, 1, communicator);
      logits[static_cast<std::size_t>(rank)] = model.logits(prompt, 11, 512);
    });
    EXPECT_LT(reference.compare(logits[0]).error, kMaxError) << ranks << " ranks";
    for (const auto& other : logits) EXPECT_EQ(other, logits[0]) << ranks << " ranks";
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LlamaShapes, testing::ValuesIn(shapes()),
                         [](const auto& shape) { return shape.param; });

class LlamaFormats : public testing::TestWithParam<IsaLevel> {};

// Grouped weights and quantised state: prompts may be split anywhere, and levels differ by rounding only. The tolerance
// is that of int8 activations, whose codes a change in the last bit of an input may move by one.
TEST_P(LlamaFormats, EveryFormatRunsAndSplitsAgree) {
  const DeviceTraits machine = query_device_traits();
  if (!machine.features.contains(features_of(GetParam())))
    GTEST_SKIP() << "this machine has no " << name_of(GetParam());
  const Json config = config_of("gqa");
  const support::TemporaryDirectory directory;
  support::write_random_checkpoint(directory.path(), config, {});
  const auto prompt = support::random_tokens(config.at("vocab_size", "config").as_integer("vocab_size"), 90);
  std::vector<float> exact;
  {
    TestModel model(directory.path(), {.traits = machine}, 90);
    exact = model.logits(prompt, 90, 90);
  }
  for (const Format weights :
       {Format::kF32, Format::kBF16, Format::kF16, Format::kInt8, Format::kInt4, Format::kBfp8B, Format::kBfp4B}) {
    for (const Format state : {Format::kF32, Format::kBF16, Format::kInt8}) {
      TestModel model(directory.path(),
                      {.traits = with_isa(machine, GetParam()), .weight_format = weights, .state_format = state}, 90);
      const std::vector<float> whole = model.logits(prompt, 90, 90), split = model.logits(prompt, 41, 17, 16);
      EXPECT_GT(pcc(whole, split), 0.9995) << name_of(weights) << " " << name_of(state);
      const double wanted = weights == Format::kBfp4B || weights == Format::kInt4 ? 0.7 : 0.99;
      EXPECT_GT(pcc(whole, exact), wanted) << name_of(weights) << " " << name_of(state);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, LlamaFormats,
                         testing::Values(IsaLevel::kSse2, IsaLevel::kAvx2, IsaLevel::kAvxVnni, IsaLevel::kAvx512,
                                         IsaLevel::kAvx512Vnni, IsaLevel::kAvx512Bf16, IsaLevel::kAmx),
                         [](const auto& level) { return std::string(name_of(level.param)); });

// What a configuration or a tensor of another shape must say.
class LlamaRefuses : public testing::Test {
 protected:
  void expect(const std::function<void(Json&)>& change, ErrorKind kind, const std::string& part) {
    Json config = config_of("gqa");
    const support::TemporaryDirectory directory;
    support::write_random_checkpoint(directory.path(), config, {});
    change(config);
    support::write_file(directory.path() / "config.json", config.dump());
    try {
      TestModel model(directory.path(), {}, 16);
      ADD_FAILURE() << "accepted; wanted: " << part;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
};

TEST_F(LlamaRefuses, BadConfigurations) {
  const auto set = [](std::string_view key, Json value) { return [key, value](Json& c) { c.set(key, value); }; };
  expect(set("model_type", "lama"), ErrorKind::kUnsupported, "did you mean \"llama\"");
  expect(set("num_attention_heads", 0), ErrorKind::kBadData, "num_attention_heads");
  expect(set("num_key_value_heads", 3), ErrorKind::kBadData, "num_key_value_heads");
  expect(set("num_hidden_layers", std::int64_t{1'000'000'000}), ErrorKind::kBadData, "num_hidden_layers");
  expect(set("vocab_size", 0), ErrorKind::kBadData, "vocab_size");
  expect(set("rms_norm_eps", -1.0), ErrorKind::kBadData, "rms_norm_eps");
  expect(set("hidden_size", 65), ErrorKind::kBadData, "wanted a multiple of num_attention_heads");
  expect(set("intermediate_size", 99), ErrorKind::kBadData, "wanted [");
  expect(set("hidden_act", "swish2"), ErrorKind::kUnsupported, "hidden_act");
  expect(set("rope_scaling", Json(Json::Object{{"rope_type", "spiral"}, {"factor", 2.0}})), ErrorKind::kUnsupported,
         "spiral");
  expect(set("residual_multiplier", 0.5), ErrorKind::kUnsupported, "residual_multiplier");
  expect(set("quantization_config", Json(Json::Object{{"quant_method", "hqq"}})), ErrorKind::kUnsupported, "hqq");
  expect(set("num_hidden_layers", 9), ErrorKind::kBadData, "model.layers.");
}

}  // namespace
}  // namespace ttt
