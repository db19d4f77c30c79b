// The tool on encoders, encoder-decoders and image models.

#include <fstream>
#include <iterator>

#include "apps/tool.h"
#include "support/real_model.h"
#include "testing/metrics.h"

namespace ttt {
namespace {

using support::tool;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(TTT_SOURCE_DIR) / "tests/golden" / name;
}

std::string list_of(const std::filesystem::path& file) {
  std::string list;
  for (const std::int32_t id : support::read_npy_of<std::int32_t>(file, "<i4")) {
    list += (list.empty() ? "" : ",") + std::to_string(id);
  }
  return list;
}

class EncoderTool : public support::ToolTest {
 protected:
  // What `arguments` write, against the fixture.
  void expect_output(std::vector<std::string> arguments, const std::string& name, const std::string& wanted) {
    const std::string out = path("out.npy");
    arguments.insert(arguments.begin(), {"logits", "-m", golden("encoders/" + name), "--strategy", "accuracy",
                                         "--kv-format", "f32", "-o", out});
    const auto run = tool(arguments);
    ASSERT_EQ(run.status, 0) << run.err;
    const std::vector<float> a = support::read_npy(golden("encoders/" + name) / wanted), b = support::read_npy(out);
    ASSERT_EQ(a.size(), b.size());
    EXPECT_LT(max_abs_error(a, b), 1e-3) << name;
  }
};

TEST_F(EncoderTool, LogitsAreWhatTheModelsHeadGives) {
  const auto ids = [](const std::string& name) { return list_of(golden("encoders/" + name) / "ids_16.npy"); };
  const auto types = [](const std::string& name) { return list_of(golden("encoders/" + name) / "types_16.npy"); };
  expect_output({"--tokens", ids("bert"), "--token-types", types("bert")}, "bert", "output_16.npy");
  expect_output({"--tokens", ids("bert_mlm"), "--token-types", types("bert_mlm")}, "bert_mlm", "output_16.npy");
  expect_output({"--tokens", ids("roberta_class")}, "roberta_class", "output_16.npy");
  const auto t5 = golden("encoders/t5");
  expect_output(
      {"--tokens", list_of(t5 / "source_16.npy"), "--decoder-tokens", list_of(t5 / "target_16.npy"), "--prefill", "5"},
      "t5", "output_16.npy");
  expect_output({"--pixels", golden("encoders/vit") / "pixels.npy"}, "vit", "output.npy");
}

TEST_F(EncoderTool, InputsOfAnotherKindAreRefusedByName) {
  const std::string out = path("out.npy");
  const auto run = [&](const std::string& name, std::vector<std::string> more) {
    more.insert(more.begin(), {"logits", "-m", golden("encoders/" + name), "-o", out});
    return tool(more);
  };
  EXPECT_EQ(run("t5", {"--tokens", "5,6"}).err,
            "ttt: error: an encoder-decoder wanted --decoder-tokens beside --tokens\n");
  EXPECT_EQ(run("bert", {"--tokens", "5,6", "--decoder-tokens", "1"}).err,
            "ttt: error: --decoder-tokens wanted an encoder-decoder, got another model\n");
  EXPECT_EQ(run("vit", {"--tokens", "5,6"}).err, "ttt: error: the model takes rows, and wanted --pixels\n");
  const auto pixels = run("vit_class", {"--pixels", golden("encoders/vit") / "pixels.npy"});
  EXPECT_EQ(pixels.status, 2);
  EXPECT_EQ(pixels.err, "ttt: error: pixels wanted the shape [3, 12, 20], got [3, 20, 20]\n");
  EXPECT_EQ(run("bert", {"--tokens", "5,6", "--token-types", "1"}).err,
            "ttt: error: --token-types wanted 2 values (the tokens), got 1\n");
}

TEST_F(EncoderTool, EmbeddingsOfMiniLMEqualThoseOfTorch) {
  TTT_REQUIRE_MODEL(model, "TTT_MINILM");
  const std::vector<float> wanted = support::read_npy(golden("minilm/embeddings.npy"));
  const auto [least, most] = std::ranges::minmax(wanted);
  std::ifstream file(golden("minilm/lines.txt"));
  const std::string lines(std::istreambuf_iterator<char>(file), {});
  for (const char* batch : {"1", "8"}) {
    const std::string out = path("embeddings.npy");
    const auto run =
        tool({"embed", "-m", model, "--strategy", "accuracy", "--batch", batch, "-o", out}, {.input = lines});
    ASSERT_EQ(run.status, 0) << run.err;
    const std::vector<float> got = support::read_npy(out);
    ASSERT_EQ(got.size(), wanted.size());
    EXPECT_LT(max_abs_error(wanted, got), 1e-4 * (most - least)) << "batch " << batch;
  }
}

}  // namespace
}  // namespace ttt
