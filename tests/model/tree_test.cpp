#include "model/tree.h"

#include <gtest/gtest.h>

#include "attention/attention.h"
#include "embeddings/token.h"
#include "ffn/gated_mlp.h"
#include "heads/lm_head.h"
#include "model/scope.h"
#include "models/families.h"
#include "normalization/rmsnorm.h"
#include "runtime/load.h"
#include "support/tiny_model.h"

namespace ttt {
namespace {

Json json(std::string_view s) { return Json::parse(s, "test"); }

Error failure(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e;
  }
  return {ErrorKind::kInternal, "no error"};
}

// Shapes without data, as a plan has them.
class ShapesOnly final : public WeightSource {
 public:
  explicit ShapesOnly(Format stored = Format::kF32) : stored_(stored) {}
  ConstTensorView fetch(const WeightRequest& request) override {
    names.push_back(request.full_name());
    const Format f = request.use == WeightUse::kVector ? Format::kF32 : request.format.value_or(stored_);
    const bool packed = request.use == WeightUse::kMatrix && is_grouped(f);
    return {nullptr, f, packed ? Layout::kPanels : Layout::kRowMajor, request.cut_shape(), 0};
  }
  bool has(const std::string& full_name) const override { return has_head || full_name != "lm_head.weight"; }
  std::vector<std::string> names;
  bool has_head = true;

 private:
  Format stored_;
};

struct Built {
  ShapesOnly source;
  BuiltModel model;
};

std::unique_ptr<Built> build(const Json& config, const Json& impl = {}, Strategy strategy = Strategy::kDefault,
                             bool has_head = true) {
  auto built = std::make_unique<Built>();
  built->source.has_head = has_head;
  const LoadOptions options{.traits = query_device_traits(), .strategy = strategy, .impl = impl, .context = 16};
  built->model =
      build_model(family_of(families(), config, "config.json"), config, "config.json", built->source, options);
  return built;
}

const BlockRecord& block_at(const Built& built, std::string_view path) {
  for (const BlockRecord& b : built.model.tree->blocks) {
    if (b.place.path == path) return b;
  }
  throw std::runtime_error("no block at " + std::string(path));
}

TEST(PathMatches, ComponentByComponent) {
  EXPECT_TRUE(path_matches("a.b", "a.b"));
  EXPECT_TRUE(path_matches("a.*.c", "a.17.c"));
  EXPECT_TRUE(path_matches("*", "a"));
  EXPECT_TRUE(path_matches("*.*", "a.b"));
  EXPECT_TRUE(path_matches("", ""));
  for (const auto& [pattern, path] : {std::pair{"a", "a.b"},
                                      {"a.b", "a"},
                                      {"*", "a.b"},
                                      {"a.*", "a"},
                                      {"a.*.c", "a.b"},
                                      {"a*", "ab"},
                                      {"A", "a"},
                                      {"a..b", "a.b"},
                                      {"", "a"}}) {
    EXPECT_FALSE(path_matches(pattern, path)) << pattern << " " << path;
  }
}

TEST(Overrides, GiveWhatMatchesInOrderAndKnowWhatWasNotUsed) {
  Overrides o(json(R"({"*.x": {"n": 1}, "a.x": {"n": 2}, "b.*": {"n": 3}, "c": {}})"), "impl.json");
  EXPECT_EQ(o.where(), "impl.json");
  const auto found = o.matching("a.x");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(*found[0], json(R"({"n": 1})"));
  EXPECT_EQ(*found[1], json(R"({"n": 2})"));
  EXPECT_TRUE(o.matching("a").empty());
  EXPECT_EQ(failure([&] { o.require_all_used(); }).what(),
            std::string("impl.json: \"b.*\" matches no block of this model"));
  o.matching("b.x");
  EXPECT_EQ(failure([&] { o.require_all_used(); }).kind(), ErrorKind::kUsage);
  o.matching("c");
  EXPECT_NO_THROW(o.require_all_used());
  EXPECT_NO_THROW(Overrides().require_all_used());
}

TEST(Overrides, RefuseWhatIsNoObjectOfObjects) {
  EXPECT_EQ(failure([] { Overrides(json("[]"), "f"); }).what(),
            std::string("f wanted an object of block paths, got array"));
  const Error e = failure([] { Overrides(json(R"({"a": 1})"), "f"); });
  EXPECT_EQ(e.what(), std::string("f: \"a\" wanted an object of fields, got integer"));
  EXPECT_EQ(e.kind(), ErrorKind::kUsage);
}

TEST(Make, TakesOverridesByPathAndTheLaterOneWins) {
  const Json config = support::golden_config("gqa");
  const auto built = build(config, json(R"({
    "model.layers.*.mlp": {"down": "bfp8_b", "up": "int8"},
    "model.layers.1.mlp": {"up": "bf16", "linear": {"activation": "f32"}},
    "lm_head": {"weight": "bf16"},
    "model.layers.*.self_attn": {"one": {"kind": "full"}, "many": {"kind": "flash", "key_block": 32}}
  })"));
  const Json first = block_at(*built, "model.layers.0.mlp").impl, second = block_at(*built, "model.layers.1.mlp").impl;
  EXPECT_EQ(first.at("down", ""), Json("bfp8_b"));
  EXPECT_EQ(first.at("up", ""), Json("int8"));
  EXPECT_TRUE(first.at("gate", "").is_null());
  EXPECT_TRUE(first.at("linear", "").at("activation", "").is_null());
  EXPECT_EQ(second.at("up", ""), Json("bf16"));
  EXPECT_EQ(second.at("down", ""), Json("bfp8_b"));
  EXPECT_EQ(second.at("linear", "").at("activation", ""), Json("f32"));
  EXPECT_EQ(block_at(*built, "lm_head").weights.at(0).format, Format::kBF16);
  const Json attention = block_at(*built, "model.layers.1.self_attn").impl;
  EXPECT_EQ(attention.at("one", ""), json(R"({"kind": "full"})"));
  EXPECT_EQ(attention.at("many", "").at("key_block", ""), Json(32));
  EXPECT_EQ(attention.at("many", "").at("query_block", ""), Json(60));
}

TEST(Make, RefusesOverridesThatCannotBe) {
  const Json config = support::golden_config("gqa");
  const auto with = [&](std::string_view impl) {
    const Error e = failure([&] { build(config, json(impl)); });
    EXPECT_EQ(e.kind(), ErrorKind::kUsage) << e.what();
    return std::string(e.what());
  };
  EXPECT_EQ(with(R"({"model.layers.2.mlp": {}})"), "--impl: \"model.layers.2.mlp\" matches no block of this model");
  EXPECT_EQ(with(R"({"model.layers.*": {}})"), "--impl: \"model.layers.*\" matches no block of this model");
  EXPECT_EQ(with(R"({"lm_head": {"wieght": "f32"}})"),
            "--impl: \"lm_head\" has no field \"wieght\"; it has weight, keep_narrower, linear");
  EXPECT_EQ(with(R"({"lm_head": {"weight": 3}})"), "--impl: \"lm_head\".weight wanted string, got integer");
  EXPECT_NE(with(R"({"lm_head": {"weight": "q9"}})").find("\"lm_head\".weight wanted one of f32, "), std::string::npos);
  EXPECT_EQ(with(R"({"model.layers.*.self_attn": {"one": {"kind": "fast"}}})"),
            "--impl: \"model.layers.0.self_attn\".one.kind has no alternative \"fast\"");
  EXPECT_EQ(with(R"({"model.layers.*.self_attn": {"many": {"kind": "flash", "key_block": 1.5}}})"),
            "--impl: \"model.layers.0.self_attn\".many.key_block wanted integer, got number");
}

TEST(ModelTree, RecordsBlocksPathsWeightsAndStates) {
  const auto built = build(support::golden_config("gqa"));
  const ModelTree& tree = *built->model.tree;
  std::vector<std::string_view> paths;
  for (const BlockRecord& b : tree.blocks) paths.push_back(b.place.path);
  const std::vector<std::string_view> wanted{"model.embed_tokens",
                                             "model.layers.0.input_layernorm",
                                             "model.layers.0.self_attn",
                                             "model.layers.0.post_attention_layernorm",
                                             "model.layers.0.mlp",
                                             "model.layers.1.input_layernorm",
                                             "model.layers.1.self_attn",
                                             "model.layers.1.post_attention_layernorm",
                                             "model.layers.1.mlp",
                                             "model.norm",
                                             "lm_head"};
  EXPECT_EQ(paths, wanted);
  // Contained blocks have places of their own, every index its path.
  std::vector<std::string_view> places;
  for (std::int64_t i = 0; i < tree.places.size(); ++i) {
    EXPECT_EQ(tree.places[i].index, i);
    places.push_back(tree.places[i].path);
  }
  for (const std::string_view p : {"model.layers.1.self_attn.o_proj", "model.layers.0.mlp.down_proj", "lm_head"}) {
    EXPECT_EQ(std::ranges::count(places, p), 1) << p;
  }
  const BlockRecord& attention = block_at(*built, "model.layers.1.self_attn");
  EXPECT_EQ(attention.block, "Attention");
  EXPECT_EQ(attention.state_slot, 1);
  ASSERT_EQ(attention.weights.size(), 4u);
  EXPECT_EQ(attention.weights[1].name, "model.layers.1.self_attn.k_proj.weight");
  EXPECT_EQ(attention.weights[1].shape, (Shape{16, 64}));
  EXPECT_EQ(attention.weights[1].parameters, 16 * 64);
  EXPECT_EQ(attention.spec.at("num_kv_heads", ""), Json(2));
  EXPECT_EQ(block_at(*built, "model.norm").block, "RMSNorm");
  EXPECT_FALSE(block_at(*built, "model.norm").state_slot.has_value());
  ASSERT_EQ(tree.states.size(), 2u);
  EXPECT_EQ(tree.states[0].heads, 2);
  EXPECT_EQ(tree.states[0].key_dim, 8);
}

TEST(ModelTree, CountsATiedWeightOnce) {
  Json config = support::golden_config("gqa");
  const std::int64_t layer = 2 * 64 + 2 * 64 * 64 + 2 * 16 * 64 + 3 * 160 * 64, table = 320 * 64;
  EXPECT_EQ(build(config)->model.tree->parameters(), 2 * layer + 64 + 2 * table);
  config.set("tie_word_embeddings", true);
  const auto tied = build(config, {}, Strategy::kDefault, false);
  EXPECT_EQ(tied->model.tree->parameters(), 2 * layer + 64 + table);
  EXPECT_EQ(block_at(*tied, "lm_head").weights.at(0).name, "model.embed_tokens.weight");
}

TEST(ModelTree, ImplConfigsLoadBackAndGiveTheSameTree) {
  for (const char* shape : {"gqa", "odd", "yarn", "bias"}) {
    const Json config = support::golden_config(shape);
    const Json impl =
        json(R"({"model.layers.*.mlp": {"down": "bfp8_b"}, "model.layers.1.self_attn": {"one": {"kind": "full"}}})");
    for (const Json& start : {Json(), impl}) {
      for (int i = 0; !name_of(static_cast<Strategy>(i)).empty(); ++i) {
        const Json written = build(config, start, static_cast<Strategy>(i))->model.tree->impl_configs();
        const Json read = Json::parse(written.dump(2), "impl.json");
        EXPECT_EQ(read, written);
        // The file says everything: over another strategy's defaults it gives the same.
        const Json again = build(config, read, Strategy::kMemory)->model.tree->impl_configs();
        EXPECT_EQ(again, written) << shape << " " << name_of(static_cast<Strategy>(i));
      }
    }
  }
}

template <class Spec>
void expect_default_configs_load_back(const Spec& spec) {
  for (int level = 0; !name_of(static_cast<IsaLevel>(level)).empty(); ++level) {
    for (int i = 0; !name_of(static_cast<Strategy>(i)).empty(); ++i) {
      const DeviceTraits traits{.features = features_of(static_cast<IsaLevel>(level))};
      const auto impl = default_impl_config(spec, traits, static_cast<Strategy>(i));
      EXPECT_EQ(impl, default_impl_config(spec, traits, static_cast<Strategy>(i))) << "a pure function";
      auto read = std::remove_const_t<decltype(impl)>{};
      from_json(read, Json::parse(to_json(impl).dump(), "impl"), "impl");
      EXPECT_EQ(read, impl) << name_of(static_cast<Strategy>(i));
    }
  }
  Spec back;
  from_json(back, Json::parse(to_json(spec).dump(), "spec"), "spec");
  EXPECT_EQ(back, spec);
}

TEST(DefaultImplConfig, LoadsBackFromItsJsonForEveryBlockAndStrategy) {
  expect_default_configs_load_back(RMSNormSpec{.dim = 8, .eps = 1e-6f, .weight_offset = 1});
  expect_default_configs_load_back(TokenEmbeddingSpec{.vocab_size = 5, .hidden_dim = 8, .scale = 2.5f});
  expect_default_configs_load_back(GeGLU(8, 32));
  expect_default_configs_load_back(
      LMHeadSpec{.hidden_dim = 8, .vocab_size = 5, .tie_word_embeddings = true, .bias = true, .soft_cap = 30.0f});
  const RoPESpec yarn{.rotary_dim = 4, .scaling = YaRNScaling{.factor = 4, .original_max_position_embeddings = 2048}};
  expect_default_configs_load_back(
      AttentionSpec{.hidden_dim = 8, .num_heads = 2, .num_kv_heads = 1, .head_dim = 4, .position = yarn});
  expect_default_configs_load_back(AttentionSpec{.hidden_dim = 8,
                                                 .num_heads = 2,
                                                 .num_kv_heads = 2,
                                                 .head_dim = 4,
                                                 .visible = {.behind = 5, .pinned = 1},
                                                 .position = ALiBiSpec{},
                                                 .soft_cap = 50.0f,
                                                 .qk_norm = RMSNormSpec{},
                                                 .q_bias = true});
}

TEST(Scope, JoinsPathsAndIndices) {
  ShapesOnly source;
  ModelTree tree;
  Overrides overrides;
  const BuildOptions options{.traits = query_device_traits()};
  const Scope root(source, tree, overrides, options);
  EXPECT_EQ(root.path(), "");
  EXPECT_EQ((root / "model" / "layers" / 3 / "mlp").path(), "model.layers.3.mlp");
  EXPECT_EQ(root.path(), "");
  make<RMSNorm>(root / "a" / 0, {.dim = 4});
  make<RMSNorm>(root / "b", {.dim = 4}, {.weight = "/top.gain"});
  EXPECT_EQ(source.names, (std::vector<std::string>{"a.0.weight", "top.gain"}));
  EXPECT_EQ(tree.blocks[1].weights.at(0).name, "top.gain");
  struct Layer {
    Layer(const Scope& s, std::int64_t dim) : norm(make<RMSNorm>(s / "norm", {.dim = dim})), path(s.path()) {}
    RMSNorm norm;
    std::string path;
  };
  const auto layers = make_layers<Layer>(root / "layers", 2, std::int64_t{4});
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[1].path, "layers.1");
  EXPECT_EQ(source.names.back(), "layers.1.norm.weight");
  EXPECT_TRUE(make_layers<Layer>(root / "none", 0, std::int64_t{4}).empty());
  EXPECT_EQ(failure([&] { make<RMSNorm>(root / "bad", {.dim = 0}); }).what(),
            std::string("[bad] dim wanted a positive number, got 0"));
}

}  // namespace
}  // namespace ttt
