// Every key of every family's configuration against the reference's configuration class and what it does with the key
// (tools/make_config_keys_golden.py): none is overlooked, silence means the same, and what has no effect there has none
// here.

#include <gtest/gtest.h>

#include <algorithm>

#include "models/families.h"
#include "runtime/load.h"
#include "support/npy.h"
#include "tests/models/shapes_only.h"

namespace ttt {
namespace {

// What a configuration builds: names and shapes of tensors, Specs of blocks; or why it is refused.
struct Built {
  std::string what;
  bool refused = false;
  std::vector<std::string> unknown;
};

Built build(const Json& config, bool allow_unknown_keys = false) {
  support::ShapesOnly source;
  const LoadOptions options{.context = 100, .allow_unknown_keys = allow_unknown_keys};
  try {
    const Family& family = family_of(families(), config, "config.json");
    const BuiltModel model = build_model(family, config, "config.json", source, options);
    Built built{.what = source.fetched, .unknown = model.unknown};
    for (const BlockRecord& b : model.tree->blocks) built.what += text(b.place.path, " ", b.spec.dump(), "\n");
    return built;
  } catch (const Error& e) {
    return {.what = e.what(), .refused = true, .unknown = {}};
  }
}

Json with(const Json& base, const Json& keys) {
  Json config = base;
  for (const auto& [key, value] : keys.as_object("keys")) config.set(key, value);
  return config;
}

Json without(const Json& base, std::string_view key) {
  Json::Object kept;
  for (const Json::Member& m : base.as_object("base")) {
    if (m.first != key) kept.push_back(m);
  }
  return Json(std::move(kept));
}

// What a model does itself, between its blocks: tests/families shows that it does.
bool in_no_spec(const Json& keys) {
  return keys.find("residual_multiplier") != nullptr || keys.find("use_parallel_residual") != nullptr;
}

const Json& golden() {
  static const std::string file = TTT_SOURCE_DIR "/tests/golden/configs/config_keys.json";
  static const Json json = Json::parse(support::read_text(file), file);
  return json;
}

class ConfigKeys : public testing::TestWithParam<std::string> {
 protected:
  const Json& family_ = golden().at(GetParam(), "config_keys.json");
  Json base_ = with(family_.at("base", "family"), Json(Json::Object{{"model_type", Json(GetParam())}}));
};

TEST_P(ConfigKeys, EveryKeyOfTheClassIsUnderstood) {
  Json all = base_;
  for (const auto& [key, value] : family_.at("defaults", "family").as_object("defaults")) {
    if (all.find(key) == nullptr) all.set(key, value);
  }
  const Built built = build(all, true);
  EXPECT_FALSE(built.refused) << built.what;
  EXPECT_EQ(built.unknown, std::vector<std::string>{});
}

TEST_P(ConfigKeys, SilenceMeansTheDefaultOfTheClass) {
  for (const auto& [key, value] : family_.at("defaults", "family").as_object("defaults")) {
    SCOPED_TRACE(text(key, " = ", value.dump()));
    const Json silent = without(base_, key);
    EXPECT_EQ(build(silent).what, build(with(silent, Json(Json::Object{{key, value}}))).what);
  }
}

TEST_P(ConfigKeys, DoWhatTheyDoInTheReference) {
  const std::string plain = build(base_).what;
  std::int64_t ignored = 0, changed = 0;
  for (const Json& setting : family_.at("effects", "family").as_array("effects")) {
    const Json& keys = setting.at("keys", "setting");
    SCOPED_TRACE(keys.dump());
    const Built built = build(with(base_, keys));
    const std::string& effect = setting.at("effect", "setting").as_string("effect");
    if (effect == "refused" || built.refused || in_no_spec(keys)) continue;
    EXPECT_EQ(built.what == plain, effect == "ignored") << built.what;
    ++(effect == "ignored" ? ignored : changed);
  }
  // That most of them run: what is refused proves nothing.
  EXPECT_GE(ignored, 12);
  EXPECT_GE(changed, 12);
}

TEST_P(ConfigKeys, WhatIsNotKnownIsRefusedByName) {
  const Built built = build(with(base_, Json(Json::Object{{"unheard_of", Json(3)}})));
  EXPECT_TRUE(built.refused);
  EXPECT_NE(built.what.find("'unheard_of' may change results and is not understood"), std::string::npos) << built.what;
}

std::vector<std::string> model_types() {
  std::vector<std::string> types;
  for (const Json::Member& m : golden().as_object("config_keys.json")) types.push_back(m.first);
  return types;
}

INSTANTIATE_TEST_SUITE_P(Families, ConfigKeys, testing::ValuesIn(model_types()),
                         [](const auto& family) { return family.param; });

// Configurations as they are published have keys beyond those of their classes, and older spellings.
TEST(PublishedConfigs, AreUnderstood) {
  constexpr const char* kConfigs[] = {
      // Phi-4-mini
      R"({"model_type": "phi3", "vocab_size": 64, "hidden_size": 96, "num_attention_heads": 3, "num_hidden_layers": 2,
          "num_key_value_heads": 1, "attention_bias": false, "mlp_bias": false, "lm_head_bias": false, "full_attn_mod": 1,
          "interpolate_factor": 1, "embd_pdrop": 0.0, "resid_pdrop": 0.0, "original_max_position_embeddings": 4096,
          "max_position_embeddings": 131072, "partial_rotary_factor": 0.75, "rope_theta": 10000.0, "sliding_window": 262144,
          "tie_word_embeddings": true, "rope_scaling": {"type": "longrope",
          "long_factor": [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4], "short_factor": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]}})",
      // Phi-3, whose first files call the same rule "su"
      R"({"model_type": "phi3", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "original_max_position_embeddings": 4096, "max_position_embeddings": 131072, "rope_theta": 10000.0,
          "rope_scaling": {"type": "su", "long_factor": [1, 2, 3, 4], "short_factor": [1, 1, 1, 1]}})",
      // Phi-3.5-MoE
      R"({"model_type": "phimoe", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 2, "attention_bias": true, "lm_head_bias": true, "input_jitter_noise": 0.01,
          "num_local_experts": 4, "num_experts_per_tok": 2, "output_router_logits": false, "router_aux_loss_coef": 0.0,
          "router_jitter_noise": 0.01, "original_max_position_embeddings": 4096, "max_position_embeddings": 131072,
          "rope_scaling": {"type": "longrope", "long_factor": [1, 2, 3, 4], "short_factor": [1, 1, 1, 1],
          "short_mscale": 1.243163121016122, "long_mscale": 1.243163121016122,
          "original_max_position_embeddings": 4096}, "rope_theta": 10000.0, "sliding_window": 131072})",
      // Phi-2
      R"({"model_type": "phi", "vocab_size": 64, "hidden_size": 80, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 4, "partial_rotary_factor": 0.4, "qk_layernorm": false, "rope_scaling": null,
          "rope_theta": 10000.0, "layer_norm_eps": 1e-05, "hidden_act": "gelu_new", "resid_pdrop": 0.1})",
      // StarCoder2
      R"({"model_type": "starcoder2", "vocab_size": 64, "hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2,
          "attention_softmax_in_fp32": true, "layer_norm_epsilon": 1e-05, "mlp_type": "default", "norm_epsilon": 1e-05,
          "norm_type": "layer_norm", "residual_dropout": 0.1, "embedding_dropout": 0.1, "rope_theta": 999999.44,
          "scale_attention_softmax_in_fp32": true, "scale_attn_weights": true, "sliding_window": 4096, "use_bias": true})",
      // SmolLM3
      R"({"model_type": "smollm3", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 4,
          "max_window_layers": 28, "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0], "pretraining_tp": 2,
          "layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"], "rope_scaling": null,
          "rope_theta": 5000000.0, "sliding_window": null, "use_sliding_window": false, "tie_word_embeddings": true})",
      // OLMo-3, whose scaled rotations are those of the layers that see everything
      R"({"model_type": "olmo3", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 4,
          "layer_types": ["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
          "sliding_window": 4096, "rope_theta": 500000, "rope_scaling": {"rope_type": "yarn", "factor": 8.0,
          "attention_factor": 1.2079441541679836, "beta_fast": 32.0, "beta_slow": 1.0,
          "original_max_position_embeddings": 8192}})",
      // GLM-4-0414
      R"({"model_type": "glm4", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 2, "head_dim": 16, "attention_bias": true, "partial_rotary_factor": 0.5,
          "rope_theta": 10000.0, "eos_token_id": [151329, 151336, 151338]})",
      // Granite-MoE
      R"({"model_type": "granitemoe", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "attention_multiplier": 0.015625, "embedding_multiplier": 12.0, "logits_scaling": 6.0, "num_local_experts": 4,
          "num_experts_per_tok": 2, "output_router_logits": false, "residual_multiplier": 0.22, "rope_scaling": null,
          "rope_theta": 1500000.0, "router_aux_loss_coef": 0.001})",
      // Mixtral and Mistral
      R"({"model_type": "mixtral", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 2, "num_local_experts": 4, "num_experts_per_tok": 2, "rope_theta": 1000000.0,
          "sliding_window": null, "router_jitter_noise": 0.0})",
      R"({"model_type": "mistral", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 2, "rope_theta": 10000.0, "sliding_window": 4096})",
      // Gemma
      R"({"model_type": "gemma", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "num_key_value_heads": 1, "head_dim": 16, "hidden_act": "gelu", "hidden_activation": null, "rope_scaling": null,
          "rope_theta": 10000.0})",
      // OLMoE
      R"({"model_type": "olmoe", "vocab_size": 64, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2,
          "clip_qkv": null, "norm_topk_prob": false, "num_experts": 4, "num_experts_per_tok": 2, "rope_scaling": null,
          "rope_theta": 10000.0, "router_aux_loss_coef": 0.01})"};
  for (const char* config : kConfigs) {
    const Built built = build(Json::parse(config, "config.json"));
    EXPECT_FALSE(built.refused) << config << "\n" << built.what;
  }
}

// What no block does is refused by its key.
TEST(PublishedConfigs, WhatIsNotThereIsRefusedByName) {
  constexpr std::pair<const char*, const char*> kConfigs[] = {
      {R"({"model_type": "exaone4", "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4,
           "sliding_window": null})",
       "layer_types"},
      {R"({"model_type": "ministral3", "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}})",
       "llama_4_scaling_beta"},
      {R"({"model_type": "gemma", "num_key_value_heads": 1, "use_bidirectional_attention": true})",
       "use_bidirectional_attention"},
      {R"({"model_type": "phi3", "hidden_size": 32, "num_attention_heads": 4,
           "rope_scaling": {"type": "linear", "factor": 2.0}})",
       "rope_parameters"},
      {R"({"model_type": "olmo3", "hidden_size": 32, "num_attention_heads": 4,
           "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0}})",
       "rope_parameters"},
      {R"({"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3})", "num_experts_per_tok"},
      {R"({"model_type": "phi3", "lm_head_bias": true})", "lm_head_bias"},
      {R"({"model_type": "phimoe", "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
           "num_experts_per_tok": 1})",
       "num_experts_per_tok"},
      {R"({"model_type": "phimoe", "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2,
           "original_max_position_embeddings": 4096,
           "rope_scaling": {"type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 2, 3, 4]}})",
       "short_mscale"},
      {R"({"model_type": "rwkv"})", "rwkv"}};
  for (const auto& [config, part] : kConfigs) {
    const Built built = build(Json::parse(config, "config.json"));
    EXPECT_TRUE(built.refused) << config;
    EXPECT_NE(built.what.find(part), std::string::npos) << built.what;
  }
}

}  // namespace
}  // namespace ttt
