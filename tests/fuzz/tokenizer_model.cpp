#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "text/tokenizer.h"

namespace ttt::fuzz {

void read_tokenizer_model(std::span<const std::byte> bytes) {
  const Tokenizer tokenizer = Tokenizer::from_sentencepiece(as_text(bytes), {}, "tokenizer.model");
  tokenizer.decode(tokenizer.encode("  Hello  world 123\n\xC3\xA9<s> ab "));
  tokenizer.decode(tokenizer.encode("<s>ab", {.add_special = false, .parse_special = false}), {.skip_special = true});
}

}  // namespace ttt::fuzz
