// The Gemma family beyond what tests/composed states for every model: GGUF files, older spellings of configurations,
// and what is refused.

#include <gtest/gtest.h>

#include "models/golden_checkpoint.h"

namespace ttt {
namespace {

class GemmaConfigs : public support::GoldenCheckpointTest {};

TEST_F(GemmaConfigs, AGgufFileIsTheDirectory) {
  // No key of such a file holds the scale of the scores; it is the width of a head.
  const auto by_width = [](Json& c) { c.set("query_pre_attn_scalar", Json(16)); };
  const std::vector<float> wanted = logits(changed("gemma2", by_width), "gemma2");
  EXPECT_LT(error(wanted, logits(golden("gemma2") / "model.gguf", "gemma2")), kTolerance);
}

TEST_F(GemmaConfigs, OldAndNewSpellingsAreOne) {
  const auto old = [](Json& c) {
    c.set("rope_parameters", Json());
    c.set("rope_theta", Json(1000000.0));
    c.set("rope_local_base_freq", Json(10000.0));
    c.set("rope_scaling", Json(Json::Object{{"rope_type", Json("linear")}, {"factor", Json(8.0)}}));
    c.set("cache_implementation", Json("hybrid"));
  };
  EXPECT_LT(error(reference("gemma3_text"), logits(changed("gemma3_text", old), "gemma3_text")), kTolerance);
}

TEST_F(GemmaConfigs, LayersFollowThePatternWhereNothingListsThem) {
  const auto silent = [](Json& c) { c.set("layer_types", Json()); };
  EXPECT_LT(error(reference("gemma2"), logits(changed("gemma2", silent), "gemma2")), kTolerance);
  const auto listed = [](Json& c) {
    const Json window("sliding_attention"), full("full_attention");
    c.set("layer_types", Json(Json::Array{window, full, window, full}));
  };
  const auto every_second = [](Json& c) {
    c.set("layer_types", Json());
    c.set("sliding_window_pattern", Json(2));
  };
  const std::vector<float> wanted = logits(changed("gemma3_text", listed), "gemma3_text");
  EXPECT_EQ(logits(changed("gemma3_text", every_second), "gemma3_text"), wanted);
  EXPECT_GT(error(reference("gemma3_text"), wanted), 0.01);
}

// Null is no cap; silence is the family's.
TEST_F(GemmaConfigs, NullAndSilenceDiffer) {
  const auto with = [](Json cap) { return [=](Json& c) { c.set("final_logit_softcapping", cap); }; };
  const std::vector<float> null = logits(changed("gemma2", with(Json())), "gemma2");
  EXPECT_LT(error(null, logits(changed("gemma2", with(Json(1e6))), "gemma2")), 1e-4);
  const auto silent = [](Json& c) {
    Json::Object kept = c.as_object("config");
    std::erase_if(kept, [](const auto& member) { return member.first == "final_logit_softcapping"; });
    c = Json(std::move(kept));
  };
  EXPECT_EQ(logits(changed("gemma2", silent), "gemma2"), logits(changed("gemma2", with(Json(30.0))), "gemma2"));
}

TEST_F(GemmaConfigs, WhatContradictsItselfIsRefusedByName) {
  const auto set = [](const char* key, Json value) { return [=](Json& c) { c.set(key, value); }; };
  constexpr ErrorKind kBad = ErrorKind::kBadData, kUnsupported = ErrorKind::kUnsupported;
  expect_refused("gemma2", set("attn_logit_softcapping", Json(-1.0)), kBad, "attn_logit_softcapping");
  expect_refused("gemma2", set("sliding_window", Json(0)), kBad, "sliding_window");
  expect_refused("gemma2", set("query_pre_attn_scalar", Json(0)), kBad, "query_pre_attn_scalar");
  expect_refused("gemma3_text", set("use_bidirectional_attention", Json(true)), kUnsupported,
                 "use_bidirectional_attention");
}

// transformers reads the key for gemma3 and does nothing with it.
TEST_F(GemmaConfigs, ScoresOfTheThirdGenerationAreNotCapped) {
  const auto capped = [](Json& c) { c.set("attn_logit_softcapping", Json(50.0)); };
  const auto silent = [](Json& c) { c.set("attn_logit_softcapping", Json()); };
  EXPECT_EQ(logits(changed("gemma3_text", capped), "gemma3_text"),
            logits(changed("gemma3_text", silent), "gemma3_text"));
}

}  // namespace
}  // namespace ttt
