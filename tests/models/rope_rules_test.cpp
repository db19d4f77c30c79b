// Rotary parameters of configurations, as the families read them, against the model classes of transformers: numbers,
// not keys (tools/make_rope_config_golden.py).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "embeddings/rotary.h"
#include "models/families.h"
#include "runtime/load.h"
#include "support/npy.h"
#include "tests/models/shapes_only.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;

const Json& cases() {
  static const std::string file = TTT_SOURCE_DIR "/tests/golden/configs/rope_configs.json";
  static const Json json = Json::parse(support::read_text(file), file);
  return json;
}

// A model is built from the configuration, without a checkpoint.
BuiltModel build(const Json& config, std::int64_t length, bool strict = false) {
  support::ShapesOnly source;
  LoadOptions options{.context = length, .allow_unknown_keys = true};
  options.strict = strict;
  return build_model(family_of(families(), config, "config.json"), config, "config.json", source, options);
}

// The rotary parameters in the Spec of a block; null: it has none.
const Json* rope_in(const Json& spec) {
  if (const Json* latent = spec.find("rope")) return latent;
  const Json* position = spec.find("position");
  const Json* kind = position == nullptr ? nullptr : position->find("kind");
  return kind != nullptr && *kind == Json("rope") ? position : nullptr;
}

RoPESpec rope_of(const Json& one, std::int64_t length) {
  const Json& config = one.at("config", "case");
  std::string layer = "layers.";
  if (const Json* type = one.find("layer_type")) {
    const Json::Array& types = config.at("layer_types", "config").as_array("layer_types");
    layer = text("layers.", std::ranges::find(types, *type) - types.begin(), ".");
  }
  const BuiltModel built = build(config, length);
  for (const BlockRecord& b : built.tree->blocks) {
    const Json* rope = rope_in(b.spec);
    if (rope == nullptr || b.place.path.find(layer) == std::string::npos) continue;
    Json::Object fields;
    for (const Json::Member& m : rope->as_object("rope")) {
      if (m.first != "kind") fields.push_back(m);
    }
    RoPESpec spec;
    from_json(spec, Json(std::move(fields)), "rope");
    return spec;
  }
  fail(ErrorKind::kInternal, text("no block of ", layer, " rotates"));
}

void expect_values(const RoPESpec& spec, std::int64_t length, const Json& wanted) {
  validate(spec, "rope");
  const RotaryFrequencies f = rope_frequencies(spec, length);
  const Json::Array& inv_freq = wanted.at("inv_freq", "case").as_array("inv_freq");
  ASSERT_EQ(f.inv_freq.size(), inv_freq.size());
  for (std::size_t i = 0; i < inv_freq.size(); ++i) {
    const double x = inv_freq[i].as_number("inv_freq");
    EXPECT_NEAR(static_cast<double>(f.inv_freq[i]), x, 2e-6 * std::abs(x)) << "pair " << i;
  }
  EXPECT_NEAR(static_cast<double>(f.attention_factor), wanted.at("attention_factor", "case").as_number("factor"), 1e-6);
}

TEST(RopeRules, AreThoseOfTransformersForEveryKindAndSpelling) {
  EXPECT_GE(cases().as_array("cases").size(), 390u);
  for (const Json& one : cases().as_array("cases")) {
    SCOPED_TRACE(one.at("name", "case").as_string("name"));
    if (one.find("refused") != nullptr) {
      EXPECT_THROW(rope_of(one, 100), Error);
      continue;
    }
    for (const Json& values : one.at("values", "case").as_array("values")) {
      for (const Json& l : values.at("lengths", "case").as_array("lengths")) {
        const std::int64_t length = l.as_integer("length");
        SCOPED_TRACE(text("length ", length));
        try {
          expect_values(rope_of(one, length), length, values);
        } catch (const Error& e) {
          // What the reference passes over in silence may be refused, but only this.
          EXPECT_NE(std::string(e.what()).find("got one set of parameters"), std::string::npos) << e.what();
        }
      }
    }
  }
}

std::set<std::string> covered_types() {
  std::set<std::string> types;
  for (const Json& one : cases().as_array("cases")) {
    types.insert(one.at("config", "case").at("model_type", "config").as_string("model_type"));
  }
  return types;
}

std::string sources_of(const fs::path& folder) {
  std::string all;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) all += support::read_text(file.path());
  return all;
}

// A model type is compared with transformers here, or has nothing that rotates.
TEST(RopeRules, EveryModelTypeIsCompared) {
  const std::set<std::string> covered = covered_types();
  const std::set<std::string> without = {"bart", "bert", "distilbert", "dinov2", "gpt2", "mpnet", "roberta", "t5",
                                         "vit", "xlm-roberta",
                                         // A wrapper of llama4_text.
                                         "llama4"};
  std::set<std::string> known;
  for (const Family& family : families()) {
    for (const std::string_view type : family.model_types) {
      known.emplace(type);
      EXPECT_NE(covered.contains(std::string(type)), without.contains(std::string(type)))
          << type << " wanted cases in rope_configs.json (MODEL_TYPES of tools/make_rope_config_golden.py)";
    }
  }
  for (const std::string& type : without) EXPECT_TRUE(known.contains(type)) << type;
}

// The same by folders: one whose sources read rotary parameters has a model type that is compared.
TEST(RopeRules, EveryFolderThatReadsThemIsCompared) {
  const std::set<std::string> covered = covered_types();
  std::int64_t folders = 0;
  for (const fs::directory_entry& folder : fs::directory_iterator(TTT_SOURCE_DIR "/models")) {
    if (!folder.is_directory() || folder.path().filename() == "decoder") continue;  // what the others share
    const std::string sources = sources_of(folder.path());
    const auto has = [&](std::string_view what) { return sources.find(what) != std::string::npos; };
    if (!has("rope_spec(") && !has("read_decoder_config(")) continue;
    ++folders;
    EXPECT_TRUE(std::ranges::any_of(covered, [&](const std::string& type) { return has(text('"', type, '"')); }))
        << folder.path();
  }
  EXPECT_GE(folders, 20);
}

Json config_with(std::string_view keys) {
  return Json::parse(text(R"({"model_type":"llama","hidden_size":32,"num_attention_heads":2,"vocab_size":64,)",
                          R"("num_hidden_layers":1,"intermediate_size":32,"max_position_embeddings":1024,)", keys, "}"),
                     "test");
}

std::vector<std::string> said(std::string_view keys, bool notes) {
  const ConfigReport report = build(config_with(keys), 1024).report;
  return notes ? report.notes : report.warnings;
}

bool refused_strictly(std::string_view keys) {
  try {
    build(config_with(keys), 1024, true);
  } catch (const Error&) {
    return true;
  }
  return false;
}

// A contradiction is solved as the reference solves it, is said once, and is an error where that is asked for.
TEST(RopeRules, ContradictionsAreSaidOnce) {
  constexpr std::string_view kContradictions[] = {
      R"("rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear","factor":4})",
      R"("rope_scaling":{"type":"yarn","rope_type":"linear","factor":2})",
      R"("rope_theta":5000,"rope_parameters":{"rope_type":"default","rope_theta":20000})",
      R"("original_max_position_embeddings":128,"rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":512})",
      R"("rope_scaling":{"type":"linear","factor":4},"rope_parameters":{"rope_type":"linear","factor":4,"rope_theta":5e5})"};
  for (const std::string_view keys : kContradictions) {
    EXPECT_EQ(said(keys, false).size(), 1u) << keys;
    EXPECT_TRUE(refused_strictly(keys)) << keys;
  }
  EXPECT_TRUE(said(R"("rope_theta":5000,"rope_parameters":{"rope_type":"default","rope_theta":5000})", false).empty());
}

TEST(RopeRules, ThePartThatLlamaNeverTurnsIsANote) {
  EXPECT_EQ(said(R"("partial_rotary_factor":0.5)", true),
            (std::vector<std::string>{"config.json: partial_rotary_factor has no effect in models of this type and is "
                                      "ignored, got 0.5"}));
  EXPECT_TRUE(refused_strictly(R"("partial_rotary_factor":0.5)"));
  EXPECT_TRUE(said(R"("partial_rotary_factor":1.0)", true).empty());
}

// Rules by length are fixed when a model is built; the report says which factors it has, and where they change.
TEST(RopeRules, SaysWhichFactorsOfLongRopeAreUsed) {
  const Json config = config_with(
      R"("rope_scaling":{"type":"longrope","short_factor":[1,1,1,1,1,1,1,1],"long_factor":[2,2,2,2,2,2,2,2]},)"
      R"("original_max_position_embeddings":128)");
  for (const auto& [context, word] : {std::pair{128, "short"}, {129, "long"}}) {
    const ConfigReport report = build(config, context).report;
    EXPECT_EQ(report.rotary_limit, 128);
    ASSERT_EQ(report.notes.size(), 1u);
    EXPECT_NE(report.notes[0].find(text("the factors of ", word, " sequences")), std::string::npos) << report.notes[0];
  }
}

}  // namespace
}  // namespace ttt
