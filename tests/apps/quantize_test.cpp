#include <sys/resource.h>

#include <map>

#include "apps/tool.h"
#include "checkpoint/safetensors.h"

// A written checkpoint gives bitwise the logits of its source in the same formats.

namespace ttt {
namespace {

using support::Finished;
using support::read_file;
using support::tool;
namespace fs = std::filesystem;

class QuantizeToolTest : public support::ToolTest {
 protected:
  static Json shape(bool tied) {
    Json c = config();
    c.set("intermediate_size", 64);
    c.set("num_hidden_layers", 2);
    c.set("tie_word_embeddings", tied);
    return c;
  }
  std::string model(bool tied, support::StoredAs stored_as = support::StoredAs::kBF16) const {
    const fs::path model = path(tied ? "tied" : "untied");
    support::write_random_checkpoint(model, shape(tied), {.stored_as = stored_as});
    add_tokenizer(model);
    return model;
  }
  // Bytes of a .npy file.
  std::string logits(const std::string& model, std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"logits", "-m", model, "--tokens", "5,900,17,3,3,250,899,0,41", "-o", path("out.npy")};
    all.insert(all.end(), more.begin(), more.end());
    expect_ok(tool(all));
    return read_file(path("out.npy"));
  }
  Finished quantize(const std::string& model, const std::string& out, std::vector<std::string> more) const {
    std::vector<std::string> all{"quantize", "-m", model, "-o", out};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all);
  }
  std::vector<std::string> names_here() const {
    std::vector<std::string> all;
    for (const auto& entry : fs::directory_iterator(path(""))) all.push_back(entry.path().filename());
    std::ranges::sort(all);
    return all;
  }
};

TEST_F(QuantizeToolTest, LogitsAreThoseOfTheSourceInTheSameFormat) {
  for (const bool tied : {false, true}) {
    const std::string source = model(tied);
    for (const std::string format : {"f32", "bf16", "f16", "q8_0", "int8", "int4", "bfp8_b", "bfp4_b"}) {
      const std::string out = path(format + (tied ? "-tied" : ""));
      const Finished f = quantize(source, out, {"--format", format});
      expect_ok(f);
      EXPECT_NE(f.out.find(out + ": "), std::string::npos) << f.out;
      EXPECT_EQ(logits(out), logits(source, {"--format", format})) << format << " tied: " << tied;
      EXPECT_TRUE(fs::exists(out + "/tokenizer.json"));
    }
  }
}

TEST_F(QuantizeToolTest, AHeadThatSharesItsTableStaysAtEightBits) {
  const std::string source = model(true);
  expect_ok(quantize(source, path("int4"), {"--format", "int4"}));
  const Finished f = tool({"inspect", "-m", path("int4"), "--json"});
  expect_ok(f);
  const Json out = Json::parse(f.out, "stdout");
  std::map<std::string, std::string> formats;
  for (const Json& b : out.at("blocks", "").as_array("")) {
    for (const Json& w : b.at("weights", "").as_array("")) {
      formats[w.at("name", "").as_string("")] = w.at("format", "").as_string("");
    }
  }
  EXPECT_EQ(formats["model.embed_tokens.weight"], "bf16");
  EXPECT_EQ(formats["lm_head.weight"], "q8_0");
  EXPECT_EQ(formats["model.layers.1.mlp.down_proj.weight"], "int4");
  EXPECT_EQ(out.at("config", "").at("tie_word_embeddings", ""), Json(false));
}

TEST_F(QuantizeToolTest, ATableInTheFormatOfTheHeadIsWrittenOnce) {
  const std::string source = model(true);
  const std::string impl = file("impl.json", R"({"model.embed_tokens": {"table": "q8_0"}})");
  expect_ok(quantize(source, path("shared"), {"--format", "int4", "--impl", impl}));
  const SafetensorsFile written = open_safetensors(path("shared") / "model.safetensors");
  for (const StoredTensor& t : written.tensors) EXPECT_NE(t.name, "lm_head.weight");
  EXPECT_EQ(logits(path("shared")), logits(source, {"--format", "int4", "--impl", impl}));
}

TEST_F(QuantizeToolTest, OverridesByBlock) {
  const std::string source = model(false);
  const std::string impl = file("impl.json", R"({"model.layers.*.mlp": {"down": "bfp8_b"},
    "model.layers.1.mlp": {"gate": "bf16", "up": "bf16"}, "lm_head": {"weight": "int8"},
    "model.embed_tokens": {"table": "int8"}})");
  expect_ok(quantize(source, path("mixed"), {"--format", "int4", "--impl", impl}));
  EXPECT_EQ(logits(path("mixed")), logits(source, {"--format", "int4", "--impl", impl}));
  // What was written can be written again.
  expect_ok(quantize(path("mixed"), path("again"), {}));
  EXPECT_EQ(read_file(path("mixed") / "model.safetensors"), read_file(path("again") / "model.safetensors"));
  EXPECT_EQ(logits(path("mixed")), logits(path("again")));
}

TEST_F(QuantizeToolTest, ShardsHaveAnIndex) {
  Json c = shape(false);
  c.set("vocab_size", 40000);
  const fs::path source = path("large");
  support::write_random_checkpoint(source, c, {});
  expect_ok(quantize(source, path("shards"), {"--format", "int8", "--shard-size", "1"}));
  EXPECT_TRUE(fs::exists(path("shards") / "model.safetensors.index.json"));
  EXPECT_TRUE(fs::exists(path("shards") / "model-00001-of-00003.safetensors"));
  const std::string ids = "17,3,39999";
  expect_ok(tool({"logits", "-m", path("shards"), "--tokens", ids, "-o", path("a.npy"), "--strict"}));
  expect_ok(tool({"logits", "-m", source, "--format", "int8", "--tokens", ids, "-o", path("b.npy")}));
  EXPECT_EQ(read_file(path("a.npy")), read_file(path("b.npy")));
}

TEST_F(QuantizeToolTest, RefusesOutputsThatExist) {
  const std::string source = model(false);
  const std::string before = read_file(fs::path(source) / "model.safetensors");
  expect_error(quantize(source, source, {"--format", "int8"}), 2, {source, "is the model that is read"});
  expect_error(quantize(source, source + "/", {"--format", "int8"}), 2, {"is the model that is read"});
  fs::create_directories(path("full"));
  file("full/x", "x");
  expect_error(quantize(source, path("full"), {"--format", "int8"}), 2, {"exists; a directory is written only where"});
  expect_error(quantize(source, file("a-file", "x"), {"--format", "int8"}), 2, {"exists"});
  expect_error(quantize(source, path("x.gguf"), {"--format", "int8"}), 6, {"from a GGUF file only"});
  EXPECT_EQ(read_file(fs::path(source) / "model.safetensors"), before);
  EXPECT_FALSE(fs::exists(path("x.gguf")));
  fs::create_directories(path("empty"));
  expect_ok(quantize(source, path("empty"), {"--format", "int8"}));
}

TEST_F(QuantizeToolTest, RefusesRowsThatAreNoGroups) {
  Json c = shape(false);
  c.set("intermediate_size", 40);
  const fs::path source = path("odd");
  support::write_random_checkpoint(source, c, {});
  expect_error(quantize(source, path("out"), {"--format", "int4"}), 6,
               {"model.layers.0.mlp.down_proj.weight", "rows of 40 values", "int4"});
  EXPECT_FALSE(fs::exists(path("out")));
}

TEST_F(QuantizeToolTest, AFullDiskLeavesNothing) {
  const std::string source = model(false);
  file("out.gguf", "was here");
  const std::vector<std::string> before = names_here();
  for (const rlim_t limit : {rlim_t{100}, rlim_t{20000}, rlim_t{60000}}) {
    const Finished f =
        tool({"quantize", "-m", source, "-o", path("out"), "--format", "int8"}, {.limits = {{RLIMIT_FSIZE, limit}}});
    expect_error(f, 5, {"cannot write", "File too large"});
    EXPECT_EQ(names_here(), before);
  }
}

// Fused, transposed, joined and sliced tensors of all families, and the orders of rows of GGUF files: the first two
// checkpoints of each family whose rows are groups.
TEST_F(QuantizeToolTest, EveryFamily) {
  std::vector<fs::path> sources;
  const fs::path families = fs::path(TTT_SOURCE_DIR) / "tests/golden/families";
  for (const auto& entry : fs::recursive_directory_iterator(families)) {
    if (entry.path().filename() == "model.gguf") sources.push_back(entry.path());
    if (entry.path().filename() == "model.safetensors") sources.push_back(entry.path().parent_path());
  }
  std::ranges::sort(sources);
  std::map<std::string, int> directories, ggufs;  // by family
  for (const fs::path& source : sources) {
    const std::string family = *source.lexically_relative(families).begin();
    const bool is_gguf = source.extension() == ".gguf";
    for (const bool to_gguf : {false, true}) {
      int& done = to_gguf ? ggufs[family] : directories[family];
      if ((to_gguf && !is_gguf) || done == 2) continue;
      const std::string format = to_gguf ? "int4" : "int8";
      const fs::path out = path(to_gguf ? "out.gguf" : "out");
      const Finished f = quantize(source, out, {"--format", format});
      if (f.status == 6) {
        const bool groups = f.err.find("which are no groups of 32") != std::string::npos;
        const bool shared = f.err.find("would be another") != std::string::npos;  // a head that cannot be untied
        EXPECT_TRUE(groups || shared) << source << ": " << f.err;
        continue;
      }
      expect_ok(f);
      const std::string ids = "1,5,7,3";
      // Encoder-decoders and models of images want more than ids.
      if (tool({"logits", "-m", source, "--format", format, "--tokens", ids, "-o", path("a.npy")}).status == 0) {
        expect_ok(tool({"logits", "-m", out, "--tokens", ids, "-o", path("b.npy")}));
        EXPECT_EQ(read_file(path("a.npy")), read_file(path("b.npy"))) << source << " " << format;
        ++done;
      }
      fs::remove_all(out);
    }
  }
  const auto written = [](const auto& by_family) {
    return std::ranges::count_if(by_family, [](const auto& entry) { return entry.second > 0; });
  };
  EXPECT_GE(written(directories), 10);
  EXPECT_GE(written(ggufs), 4);
}

TEST_F(QuantizeToolTest, ADescriptionThatContradictsTheFileIsRefused) {
  const std::string source = model(false);
  expect_ok(quantize(source, path("int8"), {"--format", "int8"}));
  const fs::path weights = path("int8") / "model.safetensors";
  const std::string good = read_file(weights);
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string bad = good;
    const std::size_t at = bad.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    ASSERT_EQ(from.size(), to.size());
    bad.replace(at, from.size(), to);
    support::write_file(weights, bad);
  };
  const auto refusal = [&](int status, const std::vector<std::string>& parts) {
    expect_error(tool({"inspect", "-m", path("int8")}), status, parts);
  };
  with(R"(\"format\": \"int8\")", R"(\"format\": \"int9\")");
  refusal(6, {"ttt.formats", "int9"});
  with(R"(\"format\": \"int8\")", R"(\"format\": \"q4_0\")");
  refusal(3, {"ttt.formats", "wanted bytes"});
  with(R"(\"version\": 1)", R"(\"version\": 2)");
  refusal(6, {"ttt.formats: version wanted 1, got 2"});
  with(R"({\"lm_head.weight\")", R"({\"lm_heed.weight\")");
  refusal(3, {"lm_heed.weight", "does not hold"});
}

}  // namespace
}  // namespace ttt
