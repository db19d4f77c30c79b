// A real checkpoint, Gemma 3 270M in Q4_K_M, against transformers.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "runtime/generate.h"
#include "runtime/load_tokenizer.h"
#include "runtime/perplexity.h"
#include "support/digest.h"
#include "support/model.h"
#include "support/real_model.h"

namespace ttt {
namespace {

namespace fs = std::filesystem;
using support::TestModel;

const fs::path kGolden = fs::path(TTT_SOURCE_DIR) / "tests/golden/gemma3";
const LoadOptions kExact{.weight_format = Format::kF32, .state_format = Format::kF32};

class Gemma3 : public testing::Test {
 protected:
  void SetUp() override {
    TTT_REQUIRE_MODEL(path, "TTT_GEMMA3_GGUF");
    model_ = path;
  }

  static std::vector<std::int32_t> text_ids() {
    const std::string bytes = read_small_file(kGolden / "text_ids.u32", 1 << 20, "ids");
    std::vector<std::int32_t> ids(bytes.size() / 4);
    std::memcpy(ids.data(), bytes.data(), bytes.size());
    return ids;
  }
  static std::vector<std::int32_t> first_ids(std::int64_t count) {
    std::vector<std::int32_t> ids = text_ids();
    ids.resize(static_cast<std::size_t>(count));
    return ids;
  }
  static Json reference() {
    const fs::path file = kGolden / "reference.json";
    return Json::parse(read_small_file(file, 1 << 20, "reference.json"), file.string());
  }

  fs::path model_;
};

TEST_F(Gemma3, LogitsInF32EqualTransformers) {
  for (const std::int64_t tokens : {64, 600}) {
    const auto wanted = support::Digest::load(kGolden / (text(tokens) + ".digest"));
    const auto ids = first_ids(tokens);
    wanted.require_ids(ids);
    TestModel model(model_, kExact, tokens);
    for (const auto& [prefill, chunk] : {std::pair<std::int64_t, std::int64_t>{tokens, tokens}, {tokens - 20, 113}}) {
      const support::DigestMatch match = wanted.compare(model.logits(ids, prefill, chunk));
      EXPECT_LT(match.error, 1e-4) << tokens << " tokens, prefill " << prefill << ": " << match.message;
      EXPECT_EQ(match.other_top1, 0) << match.message;
    }
  }
}

TEST_F(Gemma3, IdsAndGreedyTokensEqualTransformers) {
  TestModel model(model_, kExact, 128);
  const Tokenizer tokenizer = load_tokenizer(*model.loaded().checkpoint);
  Runner runner = model.runner(64, 1);
  const Json all = reference();
  for (const Json& g : all.at("generation", "reference").as_array("generation")) {
    const auto ids_at = [&](std::string_view key) {
      std::vector<std::int32_t> ids;
      for (const Json& v : g.at(key, "generation").as_array(key)) {
        ids.push_back(static_cast<std::int32_t>(v.as_integer(key)));
      }
      return ids;
    };
    const std::string& prompt = g.at("prompt", "generation").as_string("prompt");
    const std::vector<std::int32_t> prompt_ids = tokenizer.encode(prompt);
    EXPECT_EQ(prompt_ids, ids_at("prompt_ids")) << prompt;
    const std::vector<std::int32_t> wanted = ids_at("ids");
    const GenerateOptions options{.max_new_tokens = static_cast<std::int64_t>(wanted.size())};
    const Generated result = generate(runner, prompt_ids, options, [](std::int32_t) { return true; });
    EXPECT_EQ(result.ids, wanted) << prompt;
    EXPECT_EQ(tokenizer.decode(result.ids, {.skip_special = true}), g.at("text", "generation").as_string("text"));
  }
}

TEST_F(Gemma3, AsStoredStaysCloseToTransformers) {
  const auto ids = first_ids(600);
  TestModel model(model_, {}, 2048);
  const support::DigestMatch match = support::Digest::load(kGolden / "600.digest").compare(model.logits(ids, 600, 600));
  EXPECT_GT(match.pcc, 0.999) << match.message;
  Runner runner = model.runner(512, 128);
  const Perplexity p = perplexity(runner, text_ids(), 2048, -1);
  const Json wanted = reference().at("perplexity", "reference");
  EXPECT_EQ(p.tokens, wanted.at("predicted", "perplexity").as_integer("predicted"));
  // Activations in int8.
  EXPECT_LT(p.value(), 1.01 * wanted.at("perplexity", "perplexity").as_number("perplexity"));
}

}  // namespace
}  // namespace ttt
