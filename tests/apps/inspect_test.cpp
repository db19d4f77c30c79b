#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class InspectToolTest : public support::ToolTest {};

TEST_F(InspectToolTest, JsonDescribesEveryBlock) {
  const std::string model = random_model();
  const Finished f = tool({"inspect", "-m", model, "--json", "--format", "bf16"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  EXPECT_EQ(out.at("model", "").as_string(""), model);
  EXPECT_EQ(out.at("config", "").at("hidden_size", ""), Json(32));
  EXPECT_TRUE(out.at("problems", "").as_array("").empty());
  EXPECT_EQ(out.at("context", ""), Json(4096));
  const std::int64_t layer = 2 * 32 + 2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32;
  EXPECT_EQ(out.at("parameters", "").as_integer(""), layer + 32 + 2 * kVocab * 32);
  std::vector<std::string> paths;
  std::int64_t parameters = 0;
  for (const Json& b : out.at("blocks", "").as_array("")) {
    paths.push_back(b.at("path", "").as_string(""));
    parameters += b.at("parameters", "").as_integer("");
    EXPECT_TRUE(b.at("spec", "").is_object());
    EXPECT_TRUE(b.at("impl", "").is_object());
    if (paths.back() == "lm_head") {
      EXPECT_EQ(b.at("block", ""), Json("LMHead"));
      EXPECT_EQ(b.at("bytes", "").as_integer(""), kVocab * 32 * 2);
      const Json& w = b.at("weights", "").as_array("")[0];
      EXPECT_EQ(w.at("name", ""), Json("lm_head.weight"));
      EXPECT_EQ(w.at("shape", ""), Json("[904, 32]"));
      EXPECT_EQ(w.at("format", ""), Json("bf16"));
    }
  }
  EXPECT_EQ(parameters, out.at("parameters", "").as_integer(""));
  EXPECT_EQ(paths, (std::vector<std::string>{"model.embed_tokens", "model.layers.0.input_layernorm",
                                             "model.layers.0.self_attn", "model.layers.0.post_attention_layernorm",
                                             "model.layers.0.mlp", "model.norm", "lm_head"}));
}

TEST_F(InspectToolTest, TextNamesBlocksAndTotals) {
  const std::string model = random_model();
  const Finished f = tool({"inspect", "-m", model});
  expect_ok(f);
  EXPECT_NE(f.out.find("model.layers.0.self_attn  Attention  3072 parameters, 12288 bytes (f32)"), std::string::npos)
      << f.out;
  EXPECT_NE(f.out.find(model + ": 7 blocks, "), std::string::npos) << f.out;
}

// Specs hold f32; what the configuration says is shown, not its nearest float: 0.2, not 0.20000000298023224. A double
// keeps all its digits.
TEST_F(InspectToolTest, NumbersHaveTheDecimalsOfTheConfiguration) {
  Json c = config();
  c.set("rms_norm_eps", 0.2);
  c.set("rope_parameters",
        Json(Json::Object{{"rope_type", Json("yarn")}, {"factor", Json(2.3)}, {"rope_theta", Json(10000.123456789)}}));
  const std::string model = random_model(c);
  const Finished json = tool({"inspect", "-m", model, "--json"});
  expect_ok(json);
  const Json out = Json::parse(json.out, "stdout");
  for (const Json& b : out.at("blocks", "").as_array("")) {
    const std::string spec = b.at("spec", "").dump();
    if (b.at("block", "") == Json("RMSNorm")) {
      EXPECT_EQ(b.at("spec", "").at("eps", ""), Json(0.2)) << spec;
    }
    if (b.at("block", "") == Json("Attention")) {
      const Json& rope = b.at("spec", "").at("position", "");
      EXPECT_EQ(rope.at("scaling", "").at("factor", ""), Json(2.3)) << spec;
      EXPECT_EQ(rope.at("base", ""), Json(10000.123456789)) << spec;
    }
  }
  const Finished shown = tool({"inspect", "-m", model});
  expect_ok(shown);
  for (const Finished& f : {json, shown}) {
    EXPECT_EQ(f.out.find("0.200000003"), std::string::npos) << f.out;
    EXPECT_EQ(f.out.find("2.29999995"), std::string::npos) << f.out;
  }
}

TEST_F(InspectToolTest, ImplConfigsLoadBack) {
  const std::string model = random_model();
  for (const char* strategy : {"default", "accuracy", "memory", "reference", "invariant", "performance"}) {
    const Finished written = tool({"inspect", "-m", model, "--impl-configs", "--strategy", strategy});
    expect_ok(written);
    const std::string impl = file("impl.json", written.out);
    const Finished again = tool({"inspect", "-m", model, "--impl-configs", "--impl", impl});
    expect_ok(again);
    EXPECT_EQ(again.out, written.out) << strategy;
    const auto text_of = [&](std::vector<std::string> more) {
      more.insert(more.begin(), {"generate", "-m", model, "-p", "Hello", "-n", "6"});
      const Finished f = tool(more);
      expect_ok(f);
      return f.out;
    };
    EXPECT_EQ(text_of({"--impl", impl}), text_of({"--strategy", strategy})) << strategy;
  }
}

TEST_F(InspectToolTest, ShowsABrokenCheckpointAndFails) {
  const std::string model = random_model();
  std::vector<support::RandomTensor> tensors = support::llama_tensors(config());
  std::erase_if(tensors, [](const auto& t) { return t.name == "model.norm.weight"; });
  tensors.push_back({"model.layers.7.mlp.up_proj.weight", {2, 2}});
  support::write_file(model + "/model.safetensors", support::random_safetensors(tensors, support::StoredAs::kF32));
  const Finished f = tool({"inspect", "-m", model});
  EXPECT_EQ(f.status, 3);
  EXPECT_NE(f.out.find("not used: model.layers.7.mlp.up_proj.weight"), std::string::npos) << f.out;
  EXPECT_EQ(f.err, "ttt: error: " + model + ": 1 tensors missing: model.norm.weight\n");
  const Finished json = tool({"inspect", "-m", model, "--json"});
  EXPECT_EQ(Json::parse(json.out, "stdout").at("problems", "").as_array("").size(), 1u);
}

}  // namespace
}  // namespace ttt
