// A real checkpoint, SmolLM2-135M-Instruct in Q4_1, against Hugging Face and llama.cpp.

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

const fs::path kGolden = fs::path(TTT_SOURCE_DIR) / "tests/golden/smollm2";

class SmolLM2 : public testing::Test {
 protected:
  void SetUp() override {
    TTT_REQUIRE_MODEL(path, "TTT_SMOLLM2_GGUF");
    model_ = path;
  }

  static Json reference() {
    const fs::path file = kGolden / "reference.json";
    return Json::parse(read_small_file(file, 16 << 20, "reference.json"), file.string());
  }

  static std::vector<std::int32_t> text_ids(std::size_t count) {
    const std::string bytes = read_small_file(kGolden / "text_ids.u16", 1 << 20, "ids");
    std::vector<std::int32_t> ids(std::min(count, bytes.size() / 2));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      std::uint16_t id = 0;
      std::memcpy(&id, bytes.data() + 2 * i, 2);
      ids[i] = id;
    }
    return ids;
  }

  fs::path model_;
};

const LoadOptions kExact{.weight_format = Format::kF32, .state_format = Format::kF32};

TEST_F(SmolLM2, LogitsInF32EqualHuggingFace) {
  for (const std::int64_t tokens : {64, 600, 2500}) {
    const auto reference = support::Digest::load(kGolden / (text(tokens) + ".digest"));
    const auto ids = text_ids(static_cast<std::size_t>(tokens));
    reference.require_ids(ids);
    TestModel model(model_, kExact, tokens);
    const auto check = [&](std::int64_t prefill, std::int64_t chunk) {
      const support::DigestMatch match = reference.compare(model.logits(ids, prefill, chunk));
      EXPECT_LT(match.error, 1e-4) << tokens << " tokens, prefill " << prefill << ", chunk " << chunk << ": "
                                   << match.message;
      EXPECT_EQ(match.other_top1, 0) << match.message;
    };
    check(tokens, tokens <= 600 ? tokens : 1250);
    check(tokens, 113);
    check(tokens <= 64 ? 0 : tokens - 40, 512);
  }
}

TEST_F(SmolLM2, GreedyTokensEqualHuggingFace) {
  constexpr std::int64_t kTokens = 96, kContext = 256;
  TestModel model(model_, kExact, kContext);
  const Tokenizer tokenizer = load_tokenizer(*model.loaded().checkpoint);
  Runner runner = model.runner(64, 1);
  const Json all = reference();
  for (const Json& g : all.at("generation", "reference").as_array("generation")) {
    const auto ids_at = [&](std::string_view key) {
      std::vector<std::int32_t> ids;
      for (const Json& v : g.at(key, "generation").as_array(key))
        ids.push_back(static_cast<std::int32_t>(v.as_integer(key)));
      return ids;
    };
    const std::vector<std::int32_t> prompt = tokenizer.encode(g.at("prompt", "generation").as_string("prompt"));
    EXPECT_EQ(prompt, ids_at("prompt_ids"));
    const GenerateOptions options{.max_new_tokens = kTokens, .end_ids = {2}};
    const Generated result = generate(runner, prompt, options, [](std::int32_t) { return true; });
    EXPECT_EQ(result.ids, ids_at("ids")) << g.at("name", "generation").as_string("name");
    EXPECT_EQ(tokenizer.decode(result.ids, {.skip_special = true}), g.at("text", "generation").as_string("text"));
  }
}

TEST_F(SmolLM2, AsStoredStaysCloseToHuggingFace) {
  const auto ids = text_ids(600);
  TestModel model(model_, {}, 600);
  const auto reference = support::Digest::load(kGolden / "600.digest");
  const std::vector<float> logits = model.logits(ids, 600, 600);
  const support::DigestMatch match = reference.compare(logits);
  EXPECT_GT(match.pcc, 0.999) << match.message;
  ASSERT_EQ(reference.argmax().size(), ids.size());
  const std::size_t vocab = static_cast<std::size_t>(reference.vocab());
  std::size_t same = 0;
  for (std::size_t r = 0; r < ids.size(); ++r) {
    const auto row = std::span(logits).subspan(r * vocab, vocab);
    same += std::ranges::max_element(row) - row.begin() == reference.argmax()[r] ? 1 : 0;
  }
  // int8 activations move close calls: 94 to 97 % agree, by level.
  EXPECT_GT(static_cast<double>(same) / static_cast<double>(ids.size()), 0.93);
}

TEST_F(SmolLM2, AsStoredPerplexityIsThatOfLlamaCpp) {
  constexpr std::int64_t kWindow = 2048;
  TestModel model(model_, {}, kWindow);
  Runner runner = model.runner(512, 128);
  const Perplexity p = perplexity(runner, text_ids(10'000), kWindow, -1);
  const Json all = reference();
  for (const Json& w : all.at("perplexity", "reference").at("windows", "perplexity").as_array("windows")) {
    if (w.at("ctx", "window").as_integer("ctx") != kWindow) continue;
    const Json& theirs = w.at("llama_cpp", "window");
    EXPECT_EQ(p.tokens, theirs.at("predicted", "window").as_integer("predicted"));
    EXPECT_LE(p.value(), 1.003 * theirs.at("perplexity", "window").as_number("perplexity"));
  }
}

}  // namespace
}  // namespace ttt
