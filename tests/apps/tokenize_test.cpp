#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class TokenizeToolTest : public support::ToolTest {
 protected:
  TokenizeToolTest() : model_(random_model()) {}
  Finished tokenize(std::vector<std::string> more, const std::string& input = {}) const {
    std::vector<std::string> all{"tokenize", "-m", model_};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all, {.input = input});
  }
  std::string output(std::vector<std::string> more, const std::string& input = {}) const {
    const Finished f = tokenize(std::move(more), input);
    expect_ok(f);
    return f.out;
  }
  std::string model_;
};

TEST_F(TokenizeToolTest, PrintsIdsWithTheirText) {
  const std::string out = output({"-p", "a"});
  EXPECT_EQ(out, "900\t\"<|begin_of_text|>\"\n64\t\"a\"\n");
  EXPECT_EQ(output({}, "a"), out);
  EXPECT_EQ(output({"-p", "a", "--no-special-tokens"}), "64\t\"a\"\n");
  EXPECT_EQ(output({"-p", ""}), "900\t\"<|begin_of_text|>\"\n");
  EXPECT_EQ(output({"-p", "", "--no-special-tokens"}), "");
}

TEST_F(TokenizeToolTest, LinesOfJsonGoBothWays) {
  const std::vector<std::string> texts{
      "Hello world",         "",     "tab\tand\nline",     "\"quoted\" \\ back", "na\xc3\xafve caf\xc3\xa9",
      "\xf0\x9f\x99\x82 12", "  x ", std::string(300, 'z')};
  std::string lines;
  for (const std::string& t : texts) lines += Json(t).dump() + "\n";
  const std::string ids = output({"--jsonl", "--no-special-tokens"}, lines);
  EXPECT_EQ(static_cast<std::size_t>(std::ranges::count(ids, '\n')), texts.size());
  EXPECT_EQ(output({"--jsonl", "--decode"}, ids), lines);
  const std::string begun = output({"--jsonl"}, lines);
  EXPECT_TRUE(begun.starts_with("[900"));
  EXPECT_EQ(output({"--jsonl", "--decode", "--skip-special-tokens"}, begun), lines);
  EXPECT_EQ(output({"--jsonl", "--decode"}, "[900, 64]\n"), "\"<|begin_of_text|>a\"\n");
  EXPECT_EQ(output({"--jsonl"}, ""), "");
}

TEST_F(TokenizeToolTest, DecodesIds) {
  EXPECT_EQ(output({"--decode", "-p", "64,64,65"}), "aab\n");
  EXPECT_EQ(output({"--decode", "-p", "[64, 65]"}), "ab\n");
  EXPECT_EQ(output({"--decode"}, "64, 65\n"), "ab\n");
  EXPECT_EQ(output({"--decode", "-p", "900,64,901"}), "<|begin_of_text|>a<|eot_id|>\n");
  EXPECT_EQ(output({"--decode", "--skip-special-tokens", "-p", "900,64,901"}), "a\n");
}

TEST_F(TokenizeToolTest, RefusesWhatIsNoIdAndNamesTheLine) {
  expect_error(tokenize({"--decode", "-p", "64,903"}), 2, {"id 903 is no token"});
  expect_error(tokenize({"--decode", "-p", "-1"}), 3, {"-1"});
  expect_error(tokenize({"--decode", "-p", "1.5"}), 3, {"integer"});
  expect_error(tokenize({"--decode", "-p", "64;65"}), 3, {"ids"});
  const Finished line = tokenize({"--jsonl"}, "\"a\"\n\"b\n");
  EXPECT_EQ(line.status, 3);
  EXPECT_TRUE(line.err.starts_with("ttt: error: line 2")) << line.err;
  EXPECT_EQ(tokenize({"--jsonl", "--decode"}, "\"a\"\n").status, 3);
  expect_error(tokenize({"--jsonl", "-p", "a"}), 2, {"--jsonl reads standard input"});
}

TEST_F(TokenizeToolTest, WantsATokenizer) {
  support::fs::remove(model_ + "/tokenizer.json");
  expect_error(tokenize({"-p", "a"}), 3, {model_, "tokenizer.json is missing"});
  support::write_file(model_ + "/tokenizer.model", "x");
  expect_error(tokenize({"-p", "a"}), 3, {model_, "tokenizer.model: a field"});
  support::write_file(model_ + "/tokenizer.json", "{\"model\": {\"type\": \"Magic\"}}");
  expect_error(tokenize({"-p", "a"}), 6, {"tokenizer.json", "Magic"});
  support::write_file(model_ + "/tokenizer.json", "{");
  expect_error(tokenize({"-p", "a"}), 3, {"tokenizer.json"});
  Json small = config();
  small.set("vocab_size", 800);
  support::write_random_checkpoint(model_, small, {});
  add_tokenizer(model_);
  // Of the model's size only what runs it needs to know.
  EXPECT_EQ(output({"-p", "a"}), "900\t\"<|begin_of_text|>\"\n64\t\"a\"\n");
}

TEST_F(TokenizeToolTest, NeedsNoModel) {
  const std::string with = output({"-p", "a b"});
  for (const char* name : {"config.json", "model.safetensors"}) support::fs::remove(model_ + "/" + name);
  EXPECT_EQ(output({"-p", "a b"}), with);
  // Tokens that stand in the files beside only.
  support::write_file(model_ + "/tokenizer_config.json", R"({"pad_token": "<pad>", "additional_special_tokens": ["<u>"],
      "added_tokens_decoder": {"950": {"content": "<tool>", "special": false}}})");
  EXPECT_EQ(output({"-p", "<tool><pad><u>", "--no-special-tokens"}), "902\t\"<tool>\"\n903\t\"<pad>\"\n904\t\"<u>\"\n");
}

TEST_F(TokenizeToolTest, PairsHaveTypes) {
  EXPECT_EQ(output({"--jsonl", "--types", "--no-special-tokens"}, "[\"a\", \"b\"]\n\"a\"\n"),
            "{\"ids\": [64, 65], \"type_ids\": [0, 0]}\n{\"ids\": [64], \"type_ids\": [0]}\n");
  expect_error(tokenize({"--types", "-p", "a"}), 2, {"--types and --plain want --jsonl"});
  EXPECT_EQ(output({"--jsonl", "--plain", "--no-special-tokens"}, "\"<|eot_id|>\"\n").find("901"), std::string::npos);
  EXPECT_NE(output({"--jsonl", "--no-special-tokens"}, "\"<|eot_id|>\"\n").find("901"), std::string::npos);
}

TEST_F(TokenizeToolTest, TextsComeFromFilesAndPipes) {
  const std::string want = output({"-p", "a b"});
  EXPECT_EQ(output({"-f", file("text", "a b")}), want);
  EXPECT_EQ(output({"-f", "-"}, "a b"), want);
  EXPECT_EQ(output({"-f", "/dev/stdin"}, "a b"), want);
  const Finished piped =
      support::run("/bin/sh", {"-c", text("printf 'a b' | ", TTT_TOOL, " tokenize -m ", model_, " -f /dev/stdin")});
  EXPECT_EQ(piped.out, want) << piped.err;
  expect_error(tokenize({"-f", path("absent")}), 4, {"absent"});
  expect_error(tokenize({"-f", model_}), 4, {"a directory"});
  expect_error(tokenize({"-f", "x", "-p", "a"}), 2, {"exclude each other"});
}

}  // namespace
}  // namespace ttt
