// The Qwen families beyond what tests/composed states for every model: GGUF files with the names and layout of the gguf
// package, older spellings of configurations, and what is refused.

#include <gtest/gtest.h>

#include "models/golden_checkpoint.h"

namespace ttt {
namespace {

class QwenGguf : public support::GoldenCheckpointTest, public testing::WithParamInterface<const char*> {};

TEST_P(QwenGguf, EqualsTransformers) {
  EXPECT_LT(error(reference(GetParam()), logits(golden(GetParam()) / "model.gguf", GetParam())), kTolerance);
}

// bf16 tensors, as both hold them, used in place.
TEST_P(QwenGguf, IsTheDirectory) {
  const std::filesystem::path directory = golden(GetParam());
  EXPECT_EQ(logits(directory / "model.gguf", GetParam(), {}), logits(directory, GetParam(), {}));
}

INSTANTIATE_TEST_SUITE_P(Architectures, QwenGguf, testing::Values("qwen3", "qwen2_moe_all", "qwen3_moe"),
                         [](const auto& a) { return std::string(a.param); });

class QwenConfigs : public support::GoldenCheckpointTest {};

// Files of this architecture have no windows.
TEST_F(QwenConfigs, AGgufFileIsTheDirectoryWithoutWindows) {
  const auto full = [](Json& c) {
    c.set("layer_types", Json());
    c.set("use_sliding_window", Json(false));
  };
  EXPECT_EQ(logits(golden("qwen2") / "model.gguf", "qwen2", {}), logits(changed("qwen2", full), "qwen2", {}));
}

TEST_F(QwenConfigs, WindowsFollowTheRuleOfEachGenerationWhereNothingListsThem) {
  const auto silent = [](Json& c) { c.set("layer_types", Json()); };
  EXPECT_LT(error(reference("qwen2"), logits(changed("qwen2", silent), "qwen2")), kTolerance);
  // Layers 0 and 2 of 3: other logits than with layers 1 and 2.
  const auto even = [](Json& c) {
    c.set("layer_types", Json());
    c.set("model_type", Json("qwen2_moe"));
    c.set("max_window_layers", Json(3));
    c.set("num_experts", Json(0));
    c.set("num_experts_per_tok", Json(1));
    c.set("moe_intermediate_size", Json(1));
    c.set("shared_expert_intermediate_size", Json(1));
  };
  const auto listed = [](Json& c) {
    c.set("layer_types",
          Json(Json::Array{Json("sliding_attention"), Json("full_attention"), Json("sliding_attention")}));
  };
  const std::vector<float> wanted = logits(changed("qwen2", listed), "qwen2");
  EXPECT_EQ(logits(changed("qwen2", even), "qwen2"), wanted);
  EXPECT_GT(error(reference("qwen2"), wanted), 0.01);
}

TEST_F(QwenConfigs, OldAndNewSpellingsAreOne) {
  const auto old = [](Json& c) {
    c.set("num_local_experts", Json());
    c.set("num_experts", Json(16));
    c.set("rope_parameters", Json());
    c.set("rope_theta", Json(10000.0));
    c.set("torch_dtype", Json("bfloat16"));
    c.set("max_window_layers", Json(48));
    c.set("sliding_window", Json(4096));  // unused
  };
  EXPECT_LT(error(reference("qwen3_moe"), logits(changed("qwen3_moe", old), "qwen3_moe")), kTolerance);
}

TEST_F(QwenConfigs, WhatContradictsItselfIsRefusedByName) {
  const auto set = [](const char* key, Json value) { return [=](Json& c) { c.set(key, value); }; };
  constexpr ErrorKind kBad = ErrorKind::kBadData;
  expect_refused("qwen2", set("use_sliding_window", Json(false)), kBad, "layer_types has sliding_attention");
  expect_refused("qwen2", set("layer_types", Json(Json::Array{Json("full_attention")})), kBad, "layer_types wanted 3");
  expect_refused("qwen2", set("layer_types", Json(Json::Array(3, Json("linear_attention")))), kBad, "linear_attention");
  expect_refused("qwen2", set("sliding_window", Json()), kBad, "layer_types has sliding_attention");
  expect_refused("qwen3_moe", set("num_experts_per_tok", Json(17)), kBad, "num_experts_per_tok wanted at most");
  expect_refused("qwen3_moe", set("num_local_experts", Json(17)), kBad, "experts.16.");
  expect_refused("qwen3_moe", set("moe_intermediate_size", Json(0)), kBad, "moe_intermediate_size");
  expect_refused("qwen3_moe", set("num_local_experts", Json()), kBad, "wanted [128,");  // the class's default
  expect_refused("qwen3_moe", set("decoder_sparse_step", Json(0)), kBad, "decoder_sparse_step");
  expect_refused("qwen3_moe", set("hidden_act", Json("swish7")), ErrorKind::kUnsupported, "swish7");
  expect_refused("qwen3_moe", set("n_group", Json(4)), ErrorKind::kUnsupported, "n_group");
}

}  // namespace
}  // namespace ttt
