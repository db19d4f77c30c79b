#include <cstdlib>

#include "tests/text/gguf_metadata.h"
#include "tests/text/golden.h"

namespace ttt {
namespace {

// The tokenizer of SmolLM2-135M-Instruct.Q4_1.gguf against llama.cpp and the Hugging Face tokenizers library.
// TTT_SMOLLM2_METADATA names the file's tokenizer metadata, as `tools/make_gguf_tokenizer_fixtures.py dump` writes it.
TEST(SmolLm2, AgreesWithReferences) {
  const char* path = std::getenv("TTT_SMOLLM2_METADATA");
  if (path == nullptr) GTEST_SKIP() << "TTT_SMOLLM2_METADATA is not set";
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const Tokenizer tokenizer = Tokenizer::from_gguf(vocabulary_from_metadata(Json::parse(content.str(), path)), path);
  EXPECT_EQ(tokenizer.vocab_size(), 49152);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_FALSE(tokenizer.adds_bos());
  expect_agrees(tokenizer, "smollm2_hf.digest", {false, true});
  // llama.cpp's character tables are older: twelve strings hold letters that Unicode 16 added.
  expect_agrees(tokenizer, "smollm2_gguf.digest", {false, true}, 12);
}

}  // namespace
}  // namespace ttt
