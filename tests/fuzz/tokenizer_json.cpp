#include "base/json.h"
#include "fuzz/memory_file.h"
#include "fuzz/targets.h"
#include "text/tokenizer.h"

namespace ttt::fuzz {

void read_tokenizer_json(std::span<const std::byte> bytes) {
  const Json json = Json::parse(as_text(bytes), "tokenizer.json");
  const TokenizerFiles beside{.config = json.find("tokenizer_config"),
                              .special_tokens_map = json.find("special_tokens_map"),
                              .added_tokens = json.find("added_tokens_file")};
  const Tokenizer tokenizer = Tokenizer::from_json(json, beside, "tokenizer.json");
  tokenizer.decode(tokenizer.encode("Hello  world 123\n\xC3\xA9<s> ab"));
  tokenizer.decode(tokenizer.encode("<s>ab", {.add_special = false, .parse_special = false}), {.skip_special = true});
}

}  // namespace ttt::fuzz
