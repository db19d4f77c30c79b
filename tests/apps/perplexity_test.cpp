#include <cmath>

#include "apps/tool.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class PerplexityToolTest : public support::ToolTest {
 protected:
  PerplexityToolTest() : model_(constant_model()) {}
  Finished perplexity(const std::string& text_file, std::vector<std::string> more) const {
    std::vector<std::string> all{"perplexity", "-m", model_, "-f", text_file, "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all);
  }
  Json json(const std::string& text_file, std::vector<std::string> more) const {
    const Finished f = perplexity(text_file, std::move(more));
    expect_ok(f);
    return Json::parse(f.out, "stdout");
  }
  std::string model_;
};

// "a" has the logit 5, every other token 0; a tab and a letter are tokens of their own.
TEST_F(PerplexityToolTest, IsTheDefinition) {
  std::string letters;
  for (int i = 0; i < 20; ++i) letters += i % 2 == 0 ? "\t" : "\x01";
  const std::string other = file("other.txt", letters);
  const double sum = std::exp(5.0 / std::sqrt(1 + 1e-5)) + static_cast<double>(kVocab - 1);
  const auto tokens = [&](const std::vector<std::string>& more) {
    const Json p = json(other, more);
    const double count = p.at("tokens", "").as_number("");
    EXPECT_NEAR(p.at("perplexity", "").as_number(""), sum, 1e-4 * sum);
    EXPECT_NEAR(p.at("nll", "").as_number(""), count * std::log(sum), 1e-3);
    return count;
  };
  // The first token of every window is not predicted.
  EXPECT_EQ(tokens({}), 19);
  EXPECT_EQ(json(other, {}).at("ctx", "").as_number(""), 2048);
  EXPECT_EQ(tokens({"--ctx", "2"}), 10);
  EXPECT_EQ(tokens({"--ctx", "4"}), 15);
  EXPECT_EQ(tokens({"--ctx", "7"}), 17);
  EXPECT_EQ(tokens({"--tokens", "5"}), 4);
  EXPECT_EQ(tokens({"--chunk", "3"}), 19);
  // Unless there is a begin token, which then takes its place.
  support::write_file(model_ + "/tokenizer_config.json", R"({"bos_token": "<|begin_of_text|>"})");
  for (const char* window : {"2", "4", "7", "2048"}) EXPECT_EQ(tokens({"--ctx", window}), 20) << window;
}

TEST_F(PerplexityToolTest, SaysItInWordsToo) {
  const Finished f = tool({"perplexity", "-m", model_, "-f", file("text.txt", "Hello, hello!")});
  expect_ok(f);
  EXPECT_TRUE(f.out.starts_with("perplexity ")) << f.out;
  EXPECT_NE(f.out.find(" tokens, windows of 2048\n"), std::string::npos) << f.out;
}

TEST_F(PerplexityToolTest, RefusesBadInput) {
  expect_error(perplexity(path("none.txt"), {}), 4, {"none.txt"});
  expect_error(perplexity(file("empty.txt", ""), {}), 2, {"empty.txt wanted at least 2 tokens, got 0"});
  expect_error(perplexity(file("text.txt", "hello"), {"--tokens", "-1"}), 2, {"--tokens"});
  expect_error(perplexity(file("text.txt", "hello"), {"--ctx", "5000"}), 2, {"max_position_embeddings 4096"});
  expect_error(perplexity(file("text.txt", "hello"), {"--ctx", "1"}), 2, {"--ctx"});
}

}  // namespace
}  // namespace ttt
