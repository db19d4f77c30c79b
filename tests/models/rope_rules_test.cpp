// Rotary parameters of configurations, as the families read them, against the model classes of transformers: numbers,
// not keys (tools/make_rope_config_golden.py).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/gemma/gemma.h"
#include "models/llama/llama.h"
#include "models/qwen/qwen_config.h"
#include "support/npy.h"

namespace ttt {
namespace {

// Configurations are read without a checkpoint.
class NoWeights final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override {
    fail(ErrorKind::kInternal, text("no weights, but ", request.full_name(), " was wanted"));
  }
  bool has(const std::string&) const override { return false; }
};

Json cases() {
  const std::string file = TTT_SOURCE_DIR "/tests/golden/configs/rope_configs.json";
  return Json::parse(support::read_text(file), file);
}

RoPESpec rope_of(const Json& one, std::int64_t length, ConfigReport& report) {
  NoWeights source;
  const Json& config = one.at("config", "case");
  ConfigReader reader(config, "config.json", &report);
  const std::string type = config.at("model_type", "config").as_string("model_type");
  if (type == "llama") return read_llama_config(reader, source, length).rope;
  if (type.starts_with("qwen")) return read_qwen_config(reader, source, length).rope;
  const GemmaConfig c = read_gemma_config(reader, source, length);
  const Json* layer = one.find("layer_type");
  return layer != nullptr && *layer == Json("sliding_attention") ? c.window_rope : c.rope;
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
  const Json all = cases();
  EXPECT_GE(all.as_array("cases").size(), 140u);
  for (const Json& one : all.as_array("cases")) {
    SCOPED_TRACE(one.at("name", "case").as_string("name"));
    if (one.find("refused") != nullptr) {
      ConfigReport report;
      EXPECT_THROW(rope_of(one, 100, report), Error);
      continue;
    }
    for (const Json& values : one.at("values", "case").as_array("values")) {
      for (const Json& l : values.at("lengths", "case").as_array("lengths")) {
        const std::int64_t length = l.as_integer("length");
        SCOPED_TRACE(text("length ", length));
        ConfigReport report;
        try {
          expect_values(rope_of(one, length, report), length, values);
        } catch (const Error& e) {
          // What the reference passes over in silence may be refused, but only this.
          EXPECT_NE(std::string(e.what()).find("got one set of parameters"), std::string::npos) << e.what();
        }
      }
    }
  }
}

Json config_with(std::string_view keys) {
  return Json::parse(text(R"({"model_type":"llama","hidden_size":32,"num_attention_heads":2,"vocab_size":64,)",
                          R"("num_hidden_layers":1,"intermediate_size":32,"max_position_embeddings":1024,)", keys, "}"),
                     "test");
}

std::vector<std::string> said(std::string_view keys, bool notes) {
  const Json config = config_with(keys);
  ConfigReport report;
  ConfigReader reader(config, "config.json", &report);
  NoWeights source;
  read_llama_config(reader, source, 1024);
  return notes ? report.notes : report.warnings;
}

bool refused_strictly(std::string_view keys) {
  const Json config = config_with(keys);
  ConfigReport report{.strict = true};
  ConfigReader reader(config, "config.json", &report);
  NoWeights source;
  try {
    read_llama_config(reader, source, 1024);
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
    ConfigReport report;
    ConfigReader reader(config, "config.json", &report);
    NoWeights source;
    read_llama_config(reader, source, context);
    EXPECT_EQ(report.rotary_limit, 128);
    ASSERT_EQ(report.notes.size(), 1u);
    EXPECT_NE(report.notes[0].find(text("the factors of ", word, " sequences")), std::string::npos) << report.notes[0];
  }
}

}  // namespace
}  // namespace ttt
