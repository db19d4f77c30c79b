// What a path to a model may be, and what the tool says when it is no model.

#include <sys/stat.h>

#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class ModelPathTest : public support::ToolTest {
 protected:
  static Finished open(const std::string& model) { return tool({"generate", "-m", model, "-p", "a", "-n", "1"}); }
  // A good model, of which something is changed.
  std::string changed(const std::function<void(const support::fs::path&)>& change) const {
    const std::string model = random_model();
    change(model);
    return model;
  }
};

TEST_F(ModelPathTest, ThatIsNoModelIsRefusedByName) {
  expect_error(open(path("none")), 4, {path("none"), "no such file", "wanted a Hugging Face model directory"});
  expect_error(open(file("text.txt", "hello")), 4, {"text.txt", "unknown type of file"});
  expect_error(open("/dev/null"), 4, {"/dev/null"});
  ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
  expect_error(open(path("fifo")), 4, {"fifo", "a FIFO"});
  support::fs::create_symlink("loop", path("loop"));
  expect_error(open(path("loop")), 4, {"loop"});
  support::fs::create_directory(path("empty"));
  expect_error(open(path("empty")), 3, {path("empty"), "config.json is missing", "the directory is empty"});
}

TEST_F(ModelPathTest, DirectoriesMustHoldWeightsThatAreRead) {
  expect_error(open(changed([](const auto& m) { support::fs::remove(m / "config.json"); })), 3,
               {"config.json is missing", "model.safetensors"});
  expect_error(
      open(changed([](const auto& m) { support::fs::rename(m / "model.safetensors", m / "pytorch_model.bin"); })), 6,
      {"pytorch_model.bin", "pickle is not loaded", "safetensors"});
  support::fs::remove_all(path("random"));
  expect_error(open(changed([](const auto& m) { support::fs::remove(m / "model.safetensors"); })), 3, {"no weights"});
  expect_error(open(changed([](const auto& m) {
                 support::fs::remove(m / "model.safetensors");
                 ASSERT_EQ(mkfifo((m / "model.safetensors").c_str(), 0600), 0);
               })),
               4, {"model.safetensors", "a FIFO"});
}

TEST_F(ModelPathTest, FilesThatAreCutOffAreRefused) {
  for (const double share : {0.0, 0.00001, 0.001, 0.5, 0.999}) {
    expect_error(open(changed([&](const auto& m) {
                   const auto size = static_cast<double>(support::fs::file_size(m / "model.safetensors"));
                   support::fs::resize_file(m / "model.safetensors", static_cast<std::uintmax_t>(share * size));
                 })),
                 3, {"model.safetensors"});
  }
}

TEST_F(ModelPathTest, ConfigurationsThatAreNotUnderstoodAreRefused) {
  const auto with = [&](const std::string& key, const Json& value) {
    return open(changed([&](const auto& m) {
      Json c = config();
      c.set(key, value);
      support::write_file(m / "config.json", c.dump());
    }));
  };
  expect_error(with("model_type", "lama"), 6, {"config.json", "\"lama\" is not supported", "did you mean \"llama\"?"});
  expect_error(with("model_type", "resnet"), 6, {"config.json", ", llama, "});
  expect_error(with("num_attention_heads", 0), 3, {"config.json", "num_attention_heads"});
  expect_error(with("hidden_size", "wide"), 3, {"config.json", "hidden_size"});
  expect_error(with("head_dim", 7), 3, {"config.json", "rotary_dim", "even", "7"});
  expect_error(with("vocab_size", 0), 3, {"config.json", "vocab_size", "got 0"});
  for (const Json& bad : {Json(0), Json(-5), Json("many"), Json(2.5)}) {
    expect_error(with("max_position_embeddings", bad), 3, {"config.json: max_position_embeddings wanted"});
  }
  expect_ok(with("max_position_embeddings", 1e30));
  expect_error(with("residual_multiplier", 0.5), 6, {"config.json", "residual_multiplier"});
  expect_error(with("rope_scaling", Json(Json::Object{{"type", "spiral"}, {"factor", 2.0}})), 6,
               {"config.json", "spiral"});
  expect_error(with("intermediate_size", 47), 3,
               {path("random"), "[47, 32]", "[48, 32]", "mlp.gate_proj.weight of model.safetensors"});
  expect_error(open(changed([](const auto& m) { support::write_file(m / "config.json", "{"); })), 3, {"config.json"});
  expect_error(open(changed([](const auto& m) { support::write_file(m / "config.json", ""); })), 3, {"config.json"});
}

TEST_F(ModelPathTest, StrictRefusesTensorsThatAreNotUsed) {
  const std::string model = random_model();
  std::vector<support::RandomTensor> tensors = support::llama_tensors(config());
  tensors.push_back({"model.layers.7.mlp.up_proj.weight", {2, 2}});
  support::write_file(model + "/model.safetensors", support::random_safetensors(tensors, support::StoredAs::kF32));
  expect_ok(open(model));
  const Finished verbose = tool({"generate", "-m", model, "-p", "a", "-n", "1", "-v"});
  EXPECT_NE(verbose.err.find("ttt: note: 1 tensors are not used by this model"), std::string::npos) << verbose.err;
  expect_error(tool({"generate", "-m", model, "-p", "a", "-n", "1", "--strict"}), 3,
               {model, "1 tensors are not used", "model.layers.7.mlp.up_proj.weight"});
}

TEST_F(ModelPathTest, StateThatDoesNotFitIsRefusedBeforeLoading) {
  random_model(config(std::int64_t{1} << 31));
  // 2^31 rows of 128 bytes.
  expect_error(tool({"generate", "-m", path("random"), "-p", "a", "-n", "1", "--ctx", "2147483648"}), 5,
               {path("random"), "weights and a run with context 2147483648 need 27", " GB available; --ctx "});
}

}  // namespace
}  // namespace ttt
