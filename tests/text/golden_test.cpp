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
                                         "gemma", "metaspace_first", "metaspace_always", "lowercased", "splits",
                                         "bert_uncased", "bert_cased", "bert_odd"),
                         [](const auto& test) { return test.param; });

class GoldenPairs : public testing::TestWithParam<std::string> {};

// Reference: the Hugging Face tokenizers library. Pairs of neighbouring strings of the corpus, 20 at a time.
TEST_P(GoldenPairs, AgreeWithReference) {
  const std::string name = GetParam() + "/tokenizer.json";
  const Tokenizer tokenizer = Tokenizer::from_json(Json::parse(read_golden(name), name), {}, name);
  std::istringstream digests(read_golden(GetParam() + "/pairs.txt"));
  constexpr std::size_t kGroup = 20, kGroups = 100;
  const std::vector<std::string> strings = Corpus().strings(kGroup * kGroups + 1);
  std::uint32_t wanted = 0;
  std::size_t group = 0;
  for (; digests >> std::hex >> wanted; ++group) {
    Fnv digest;
    for (std::size_t i = group * kGroup; i < (group + 1) * kGroup; ++i) {
      for (const bool special : {true, false}) {
        const Encoding pair = tokenizer.encode_pair(strings[i], strings[i + 1], {.add_special = special});
        digest.add_ids(pair.ids);
        digest.add_ids(pair.types);
        digest.add_ids(tokenizer.encode_with_types(strings[i], {.add_special = special}).types);
      }
    }
    ASSERT_EQ(digest.value(), wanted) << "strings " << group * kGroup << " and following";
  }
  EXPECT_EQ(group, kGroups);
}

INSTANTIATE_TEST_SUITE_P(All, GoldenPairs,
                         testing::Values("gpt2", "roberta", "llama3", "lowercased", "bert_uncased", "bert_cased",
                                         "bert_odd"),
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
