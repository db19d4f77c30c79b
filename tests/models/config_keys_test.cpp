// Every key of every family's configuration against the reference's configuration class and what it does with the key
// (tools/make_config_keys_golden.py): none is overlooked, silence means the same, and what has no effect there has none
// here.

#include <gtest/gtest.h>

#include <algorithm>

#include "models/families.h"
#include "runtime/load.h"
#include "support/npy.h"

namespace ttt {
namespace {

// Shapes without data, as a plan has them.
class ShapesOnly final : public WeightSource {
 public:
  ConstTensorView fetch(const WeightRequest& request) override {
    fetched += text(request.full_name(), " ", request.shape.to_string(), "\n");
    return {nullptr, request.format.value_or(Format::kF32), Layout::kRowMajor, request.cut_shape(), 0};
  }
  bool has(const std::string&) const override { return true; }
  std::string fetched;
};

// What a configuration builds: names and shapes of tensors, Specs of blocks; or why it is refused.
struct Built {
  std::string what;
  bool refused = false;
  std::vector<std::string> unknown;
};

Built build(const Json& config, bool allow_unknown_keys = false) {
  ShapesOnly source;
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
bool in_no_spec(const Json& keys) { return keys.find("residual_multiplier") != nullptr; }

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

std::vector<std::string> model_types() {
  std::vector<std::string> types;
  for (const Json::Member& m : golden().as_object("config_keys.json")) types.push_back(m.first);
  return types;
}

INSTANTIATE_TEST_SUITE_P(Families, ConfigKeys, testing::ValuesIn(model_types()),
                         [](const auto& family) { return family.param; });

}  // namespace
}  // namespace ttt
