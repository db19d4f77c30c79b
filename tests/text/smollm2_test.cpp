#include "support/real_model.h"

#include "runtime/gguf_vocabulary.h"
#include "tests/text/golden.h"

namespace ttt {
namespace {

// The tokenizer of SmolLM2-135M-Instruct.Q4_1.gguf against llama.cpp and the Hugging Face tokenizers library.
TEST(SmolLm2, AgreesWithReferences) {
  TTT_REQUIRE_MODEL(path, "TTT_SMOLLM2_GGUF");
  const Tokenizer tokenizer = Tokenizer::from_gguf(gguf_vocabulary(GgufFile::open(path)), path);
  EXPECT_EQ(tokenizer.vocab_size(), 49152);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.eos_id(), 2);
  EXPECT_FALSE(tokenizer.adds_bos());
  // llama.cpp's character tables are older: two strings hold letters that Unicode 16 added.
  expect_agrees(tokenizer, "smollm2_gguf.digest", {false, true}, 2);
  // The library merges across bytes that the vocabulary lacks, llama.cpp does not: ten strings hold some.
  expect_agrees(tokenizer, "smollm2_hf.digest", {false, true}, 10);
}

}  // namespace
}  // namespace ttt
