#include "runtime/load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/model.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

// A checkpoint whose list of tensors can be changed.
class LoadTest : public testing::Test {
 protected:
  void write(const Json& config, const std::function<void(std::vector<support::RandomTensor>&)>& change = {}) {
    std::vector<support::RandomTensor> tensors = support::llama_tensors(config);
    if (change) change(tensors);
    fs::create_directories(path());
    support::write_file(path() / "config.json", config.dump());
    support::write_file(path() / "model.safetensors", support::random_safetensors(tensors, support::StoredAs::kF32));
  }
  std::shared_ptr<const Checkpoint> open() const { return open_checkpoint(path(), {}); }
  Error failure(const LoadOptions& options) const { return failure_of(open(), options); }
  Error failure_of(std::shared_ptr<const Checkpoint> checkpoint, const LoadOptions& options) const {
    try {
      load_model(std::move(checkpoint), families(), options);
    } catch (const Error& e) {
      return e;
    }
    return {ErrorKind::kInternal, "no error"};
  }
  fs::path path() const { return directory_.path() / name_; }

  support::TemporaryDirectory directory_;
  std::string name_ = "model";
  LoadOptions options_{.traits = query_device_traits(), .context = 32};
};

TEST_F(LoadTest, MissingTensorsAreNamedAndCounted) {
  write(support::golden_config("gqa"), [](auto& tensors) {
    std::erase_if(tensors,
                  [](const auto& t) { return t.name.find("mlp") != std::string::npos || t.name == "lm_head.weight"; });
  });
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData);
  EXPECT_EQ(e.what(), path().string() +
                          ": 7 tensors missing: lm_head.weight, model.layers.0.mlp.down_proj.weight, "
                          "model.layers.0.mlp.gate_proj.weight, model.layers.0.mlp.up_proj.weight, "
                          "model.layers.1.mlp.down_proj.weight, ...");
}

// What a configuration asks for is not bounded by the file. 4096 layers of 65536 experts would be 800 million tensors.
TEST_F(LoadTest, MissingTensorsAreCountedUpToALimit) {
  Json config = support::golden_config("gqa");
  write(config);
  const std::pair<const char*, Json> changes[] = {
      {"model_type", "qwen3_moe"},        {"num_hidden_layers", 4096},  {"num_experts", 65536},
      {"num_experts_per_tok", 1},         {"moe_intermediate_size", 8}, {"decoder_sparse_step", 1},
      {"mlp_only_layers", Json::Array{}}, {"norm_topk_prob", true}};
  for (const auto& [key, value] : changes) config.set(key, value);
  support::write_file(path() / "config.json", config.dump());
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData);
  EXPECT_NE(std::string(e.what()).find("tensors missing: "), std::string::npos) << e.what();
}

TEST_F(LoadTest, AbsentHeadIsTiedUnlessTheConfigurationSaysOtherwise) {
  Json config = support::golden_config("gqa");
  const auto drop = [](auto& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.name == "lm_head.weight"; });
  };
  write(config, drop);
  EXPECT_NE(std::string(failure(options_).what()).find("1 tensors missing: lm_head.weight"), std::string::npos);
  Json::Object silent;
  for (const auto& member : config.as_object("config")) {
    if (member.first != "tie_word_embeddings") silent.push_back(member);
  }
  write(Json(silent), drop);
  const LoadedModel tied = load_model(open(), families(), options_);
  EXPECT_EQ(tied.tree().blocks.back().spec.at("tie_word_embeddings", "spec"), Json(true));
}

// As the reference: two tensors that are said to be one and differ are both used, and the user hears of it.
TEST_F(LoadTest, AHeadThatIsSaidToBeTiedAndDiffersIsUsed) {
  Json config = support::golden_config("gqa");
  write(config);  // with a head of its own
  config.set("tie_word_embeddings", true);
  support::write_file(path() / "config.json", config.dump());
  const LoadedModel loaded = load_model(open(), families(), options_);
  EXPECT_EQ(loaded.tree().blocks.back().weights.at(0).name, "lm_head.weight");
  ASSERT_EQ(loaded.warnings.size(), 1u);
  EXPECT_EQ(loaded.warnings[0], (path() / "config.json").string() +
                                    ": tie_word_embeddings is true, but lm_head.weight differs from "
                                    "model.embed_tokens.weight; both are used, as in the reference");
  options_.strict = true;
  EXPECT_EQ(failure(options_).kind(), ErrorKind::kBadData);
  EXPECT_EQ(failure(options_).what(), loaded.warnings[0]);
}

TEST_F(LoadTest, AHeadIsTheEmbeddingWhereThatIsMissing) {
  Json config = support::golden_config("gqa");
  write(config, [](auto& tensors) {
    std::erase_if(tensors, [](const auto& t) { return t.name == "model.embed_tokens.weight"; });
  });
  config.set("tie_word_embeddings", true);
  support::write_file(path() / "config.json", config.dump());
  const LoadedModel loaded = load_model(open(), families(), options_);
  EXPECT_EQ(loaded.tree().blocks.front().weights.at(0).name, "lm_head.weight");
  EXPECT_TRUE(loaded.warnings.empty());
}

// A backbone that was saved by itself has no "model." before its names.
TEST_F(LoadTest, ABackboneSavedByItselfLoads) {
  const auto strip = [](auto& tensors) {
    for (auto& t : tensors) {
      if (t.name.starts_with("model.")) t.name = t.name.substr(6);
    }
  };
  write(support::golden_config("gqa"), strip);
  const LoadedModel loaded = load_model(open(), families(), options_);
  EXPECT_TRUE(loaded.notes.empty()) << loaded.notes[0];
  // One name with it, and the others are not looked for without.
  write(support::golden_config("gqa"), [&](auto& tensors) {
    strip(tensors);
    tensors.push_back({"model.embed_tokens.weight", {320, 64}});
  });
  EXPECT_NE(std::string(failure(options_).what()).find("tensors missing: model.layers.0"), std::string::npos);
}

TEST_F(LoadTest, AnIndexThatLeavesOutANeededTensorIsNamed) {
  const Json config = support::golden_config("gqa");
  write(config);
  fs::rename(path() / "model.safetensors", path() / "model-00001-of-00001.safetensors");
  Json::Object map;
  for (const support::RandomTensor& t : support::llama_tensors(config)) {
    if (t.name != "model.norm.weight") map.emplace_back(t.name, Json("model-00001-of-00001.safetensors"));
  }
  support::write_file(path() / "model.safetensors.index.json", Json(Json::Object{{"weight_map", map}}).dump());
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData);
  EXPECT_NE(std::string(e.what()).find("[model.norm] weight is not listed by " +
                                       (path() / "model.safetensors.index.json").string() + ", though "),
            std::string::npos)
      << e.what();
}

TEST_F(LoadTest, KeysThatNobodyUnderstandsPassWhereThatIsAskedFor) {
  Json config = support::golden_config("gqa");
  config.set("residual_multiplier", 0.5);
  write(config);
  EXPECT_NE(std::string(failure(options_).what()).find("(--allow-unknown-keys ignores it)"), std::string::npos);
  options_.allow_unknown_keys = true;
  const LoadedModel loaded = load_model(open(), families(), options_);
  EXPECT_EQ(std::ranges::count_if(loaded.notes,
                                  [](const std::string& n) {
                                    return n.find("'residual_multiplier' is not understood") != std::string::npos;
                                  }),
            1);
}

// Without a context asked for, short prompts get the factors of short sequences.
TEST_F(LoadTest, TheDefaultContextOfLongRopeIsTheOriginalOne) {
  Json config = support::golden_config("gqa");
  const Json::Array factors(4, Json(2.0));
  config.set("max_position_embeddings", 4096);
  config.set("rope_scaling", Json::Object{{"type", "longrope"},
                                          {"short_factor", factors},
                                          {"long_factor", factors},
                                          {"original_max_position_embeddings", 256}});
  write(config);
  options_.context = 0;
  EXPECT_EQ(load_model(open(), families(), options_).built.context, 256);
  options_.context = 300;
  const LoadedModel loaded = load_model(open(), families(), options_);
  EXPECT_EQ(loaded.built.context, 300);
  EXPECT_EQ(loaded.built.report.rotary_limit, 256);
  EXPECT_EQ(std::ranges::count_if(
                loaded.notes,
                [](const std::string& n) { return n.find("the factors of long sequences") != std::string::npos; }),
            1);
}

TEST_F(LoadTest, ExtraTensorsAreCountedAndStrictRefusesThem) {
  write(support::golden_config("gqa"), [](auto& tensors) {
    tensors.push_back({"model.layers.9.self_attn.q_proj.weight", {2, 2}});
    tensors.push_back({"model.layers.9.mlp.up_proj.weight", {2, 2}});
  });
  const LoadedModel loaded = load_model(open(), families(), options_);
  const std::string what = "2 tensors are not used by this model, the first is model.layers.9.mlp.up_proj.weight";
  EXPECT_TRUE(std::ranges::count(loaded.notes, what) == 1);
  options_.strict = true;
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData);
  EXPECT_EQ(e.what(), path().string() + ": " + what);
}

TEST_F(LoadTest, ShapesThatDisagreeNameBlockFieldAndBoth) {
  write(support::golden_config("gqa"), [](auto& tensors) {
    for (auto& t : tensors) {
      if (t.name == "model.layers.1.self_attn.k_proj.weight") t.shape = {16, 65};
    }
  });
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData);
  EXPECT_EQ(e.what(), path().string() +
                          ": [model.layers.1.self_attn] k_proj.weight wanted [16, 64], got [16, 65] "
                          "(model.layers.1.self_attn.k_proj.weight of "
                          "model.safetensors)");
}

// What handles an error knows where it comes from by its parts, whatever the names of files and blocks look like.
TEST_F(LoadTest, ADirectoryWithANameLikeABlocksPathIsNamedOnce) {
  name_ = "[model]";
  Json config = support::golden_config("gqa");
  write(config);
  config.set("num_hidden_layers", 0);
  support::write_file(path() / "config.json", config.dump());
  const fs::path before = fs::current_path();
  fs::current_path(directory_.path());
  const Error e = failure_of(open_checkpoint("[model]", {}), options_);
  fs::current_path(before);
  EXPECT_EQ(std::string(e.what()).find("[model]/config.json: num_hidden_layers wanted 1 .. 4096, got 0"), 0u)
      << e.what();
  EXPECT_EQ(e.parts().where, "[model]/config.json");
  EXPECT_EQ(e.parts().field, "num_hidden_layers");
  EXPECT_EQ(e.parts().got, "0");
}

// A block names its path; that the configuration wanted what it refuses is added by who read both.
TEST_F(LoadTest, WhatABlockRefusesOfAConfigurationNamesTheFileToo) {
  Json config = support::golden_config("gqa");
  write(config);
  config.set("head_dim", 7);  // rotations are of pairs
  support::write_file(path() / "config.json", config.dump());
  const Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kBadData) << e.what();
  EXPECT_EQ(e.parts().where, (path() / "config.json").string()) << e.what();
  EXPECT_EQ(e.parts().block, "model.layers.0.self_attn") << e.what();
}

TEST_F(LoadTest, ErrorsOfTheConfigurationSayWhoWantedTheKey) {
  Json config = support::golden_config("gqa");
  write(config);
  const auto with = [&](const char* key, const Json& value) {
    Json changed = config;
    changed.set(key, value);
    support::write_file(path() / "config.json", changed.dump());
    return std::string(failure(options_).what()).substr(path().string().size() + 1);
  };
  EXPECT_EQ(
      with("num_attention_heads", Json(0)),
      "config.json: num_attention_heads wanted 1 .. 65536, got 0 (wanted by read_decoder_shape for family llama)");
  EXPECT_EQ(with("intermediate_size", Json("x")),
            "config.json: intermediate_size wanted integer, got string (wanted by family llama)");
  EXPECT_EQ(with("rope_scaling", Json::parse(R"({"rope_type": "linear", "factor": "x"})", "")),
            "config.json: rope_scaling: factor wanted number, got string (wanted by rope_parameters for family llama)");
  EXPECT_EQ(
      with("unheard_of", Json(3)),
      "config.json: 'unheard_of' may change results and is not understood, got 3 (--allow-unknown-keys ignores it) "
      "(not read by family llama)");
}

TEST_F(LoadTest, MemoryIsRefusedWithTheNumbersAndTheLargestContext) {
  write(support::golden_config("gqa"));
  // Two layers, keys and values, two heads of 8, f32.
  constexpr std::int64_t kRow = 2 * 2 * 2 * 8 * 4;
  options_.context = 4'000'000;
  options_.traits.available_bytes = 500'000'000;
  const Error state = failure(options_);
  EXPECT_EQ(state.kind(), ErrorKind::kResources);
  const std::string message = state.what(), lead = path().string() +
                                                   ": weights and a run with context 4000000 need 1.0 GB, "
                                                   "0.5 GB available; --ctx ";
  ASSERT_TRUE(message.starts_with(lead)) << message;
  const std::int64_t fits = std::stoll(message.substr(lead.size()));
  EXPECT_LE(fits * kRow, options_.traits.available_bytes);
  EXPECT_GT(fits * kRow, options_.traits.available_bytes / 100 * 95);  // the rest is scratch and logits
  options_.context = fits;
  EXPECT_NO_THROW(load_model(open(), families(), options_));  // nothing is allocated for state yet
  options_.run.sequences = 2;
  EXPECT_EQ(failure(options_).kind(), ErrorKind::kResources);

  // Weights that are used in place need no memory; converted ones do.
  options_ = {.traits = options_.traits, .weight_format = Format::kBF16, .context = 1};
  options_.traits.available_bytes = 10'000;
  EXPECT_NE(std::string(failure(options_).what()).find("0.0 GB available; the weights alone do not fit"),
            std::string::npos);
  options_.weight_format.reset();
  EXPECT_NO_THROW(load_model(open(), families(), options_));
}

TEST_F(LoadTest, UnknownFamiliesNameTheNearest) {
  Json config = support::golden_config("gqa");
  write(config);
  config.set("model_type", "lama");
  support::write_file(path() / "config.json", config.dump());
  Error e = failure(options_);
  EXPECT_EQ(e.kind(), ErrorKind::kUnsupported);
  EXPECT_NE(std::string(e.what()).find("config.json: model_type \"lama\" is not supported; supported: "),
            std::string::npos);
  EXPECT_NE(std::string(e.what()).find("did you mean \"llama\"?"), std::string::npos);
  config.set("model_type", "resnet");
  support::write_file(path() / "config.json", config.dump());
  EXPECT_EQ(std::string(failure(options_).what()).find("did you mean"), std::string::npos);
  config.set("model_type", 5);
  support::write_file(path() / "config.json", config.dump());
  EXPECT_EQ(failure(options_).kind(), ErrorKind::kBadData);
}

TEST_F(LoadTest, OverridesThatABlockRefusesNameFileAndField) {
  write(support::golden_config("gqa"));
  options_.impl_where = "impl.json";
  const auto with = [&](const char* json) {
    options_.impl = Json::parse(json, "");
    return failure(options_);
  };
  EXPECT_EQ(with(R"({"model.layers.*.mlp": {"linear": {"one_kernel": 1}}})").what(),
            std::string("impl.json: \"model.layers.0.mlp\".linear.one_kernel wanted bool, got integer"));
  const Error block = with(R"({"model.layers.1.self_attn": {"one": {"kind": "flash", "key_block": 0}}})");
  EXPECT_EQ(block.kind(), ErrorKind::kUsage);
  EXPECT_NE(std::string(block.what()).find("[model.layers.1.self_attn] query_block and key_block wanted"),
            std::string::npos)
      << block.what();
}

// What the plan says is what loading takes, to the byte.
TEST_F(LoadTest, ThePlanIsWhatIsThenAllocated) {
  for (const char* shape : {"gqa", "mha", "odd"}) {
    write(support::golden_config(shape));
    for (const std::optional<Format> format : {std::optional<Format>(), std::optional(Format::kBF16),
                                               std::optional(Format::kInt8), std::optional(Format::kInt4)}) {
      options_.weight_format = format;
      const auto checkpoint = open();
      const PlannedModel plan = plan_model(*checkpoint, families(), options_);
      EXPECT_TRUE(plan.source->problems().empty());
      const LoadedModel loaded = load_model(checkpoint, families(), options_);
      EXPECT_EQ(plan.source->bytes().mapped, loaded.weights->bytes().mapped);
      EXPECT_EQ(plan.source->bytes().owned, loaded.weights->bytes().owned);
      EXPECT_EQ(loaded.weights->bytes().owned == 0, !format.has_value()) << "f32 files are used in place";
      const auto &planned = plan.source->records(), &made = loaded.weights->records();
      ASSERT_EQ(planned.size(), made.size());
      for (std::size_t i = 0; i < made.size(); ++i) {
        EXPECT_EQ(planned[i].name, made[i].name);
        EXPECT_EQ(planned[i].format, made[i].format);
        EXPECT_EQ(planned[i].layout, made[i].layout);
        EXPECT_EQ(planned[i].bytes, made[i].bytes);
        EXPECT_EQ(planned[i].mapped, made[i].mapped);
      }
      EXPECT_EQ(plan.built.tree->impl_configs(), loaded.tree().impl_configs());
      EXPECT_EQ(plan.built.tree->states, loaded.tree().states);
      EXPECT_EQ(plan.built.tree->parameters(), loaded.tree().parameters());
    }
  }
}

TEST(MaxPositions, AreThoseOfTheConfiguration) {
  EXPECT_EQ(max_positions(Json::parse(R"({"max_position_embeddings": 77})", ""), "c"), 77);
  EXPECT_EQ(max_positions(Json::parse(R"({"max_position_embeddings": null})", ""), "c"), 0);
  EXPECT_EQ(max_positions(Json::parse("{}", ""), "c"), 0);
}

}  // namespace
}  // namespace ttt
