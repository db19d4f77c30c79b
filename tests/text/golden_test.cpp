#include "tests/text/golden.h"

#include "tests/text/gguf_metadata.h"

namespace ttt {
namespace {

class GoldenJson : public testing::TestWithParam<std::string> {};

// Reference: the Hugging Face tokenizers library.
TEST_P(GoldenJson, AgreesWithReference) {
  const std::string name = GetParam() + "/tokenizer.json";
  const Tokenizer tokenizer = Tokenizer::from_json(Json::parse(read_golden(name), name), {}, name);
  expect_agrees(tokenizer, GetParam() + "/digest.txt", {false, true});
}

INSTANTIATE_TEST_SUITE_P(All, GoldenJson,
                         testing::Values("gpt2", "roberta", "llama3", "qwen2", "qwen3_5", "smollm", "o200k", "llama2",
                                         "gemma", "metaspace_first", "metaspace_always", "lowercased", "splits"),
                         [](const auto& test) { return test.param; });

class GoldenGguf : public testing::TestWithParam<std::string> {};

// Reference: llama.cpp. It keeps the space after a skipped first token, so skip_special is left out.
TEST_P(GoldenGguf, AgreesWithReference) {
  const std::string name = GetParam() + "/vocabulary.json";
  const GgufVocabulary vocabulary = vocabulary_from_metadata(Json::parse(read_golden(name), name));
  expect_agrees(Tokenizer::from_gguf(vocabulary, name), GetParam() + "/digest.txt", {false});
}

INSTANTIATE_TEST_SUITE_P(All, GoldenGguf, testing::Values("scored_prefix", "scored_plain"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace ttt
