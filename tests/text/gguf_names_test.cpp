#include <gtest/gtest.h>

#include "tests/text/corpus.h"
#include "text/gguf_token_kinds.h"
#include "text/gguf_words.h"
#include "text/tokenizer.h"

namespace ttt {
namespace {

using Ids = std::vector<std::int32_t>;

GgufVocabulary with_tokens(std::vector<std::string> more) {
  GgufVocabulary v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  v.tokens = {"a", "b"};
  v.tokens.insert(v.tokens.end(), more.begin(), more.end());
  v.types.assign(v.tokens.size(), 1);
  return v;
}

TEST(GgufTokenKinds, EndsAreKnownByKeyAndByName) {
  GgufVocabulary v = with_tokens({"<|eot_id|>", "<x>", "<|file_sep|>", "<y>"});
  EXPECT_EQ(Tokenizer::from_gguf(v, "m").end_ids(), (Ids{2, 4}));
  v.eom = 3;
  v.fim_sep = 5;
  EXPECT_EQ(Tokenizer::from_gguf(v, "m").end_ids(), (Ids{2, 3, 5}));
  // What ends a turn is found in text even where the file calls it normal.
  EXPECT_EQ(Tokenizer::from_gguf(v, "m").encode("a<|eot_id|>"), (Ids{0, 2}));
  // Beside calls and returns <|end|> ends a part only.
  EXPECT_EQ(Tokenizer::from_gguf(with_tokens({"<|end|>"}), "m").end_ids(), (Ids{2}));
  EXPECT_EQ(Tokenizer::from_gguf(with_tokens({"<|end|>", "<|call|>", "<|return|>"}), "m").end_ids(), (Ids{3, 4}));
  EXPECT_EQ(Tokenizer::from_gguf(with_tokens({"</s>", "<|tool_response>"}), "m").end_ids(), (Ids{3}));
}

TEST(GgufTokenKinds, AnIdThatIsNoTokenIsIgnoredWithANote) {
  GgufVocabulary v = with_tokens({});
  v.pad = 4294967295;
  v.unk = 7;
  v.bos = -1;
  const Tokenizer t = Tokenizer::from_gguf(v, "m.gguf");
  EXPECT_FALSE(t.pad_id() || t.unk_id() || t.bos_id());
  ASSERT_EQ(t.notes().size(), 3u);
  EXPECT_NE(t.notes()[0].find("bos_token_id -1 is no token and is ignored"), std::string::npos) << t.notes()[0];
}

TEST(GgufWords, EveryNameIsReadAndCutsText) {
  const std::vector<std::string> names = gguf_word_names();
  EXPECT_GT(names.size(), 80u);
  const std::string text = "It's 1234567 na\xC3\xAFve \xE6\x97\xA5\xE6\x9C\xAC caf\xC3\xA9s,\n\n  x==y  ";
  for (const std::string& name : names) {
    std::string joined;
    int words = 0;
    gguf_words(name, "m").pre_tokenizer.run(text, true, [&](std::string_view word) {
      joined += word;
      ++words;
    });
    EXPECT_EQ(joined, text) << name;
    EXPECT_GT(words, 4) << name;
  }
  EXPECT_THROW(gguf_words("gpt-2 phi-2", "m"), Error);
  EXPECT_THROW(gguf_words(" ", "m"), Error);
}

// Ids of the Hugging Face tokenizers library with the expressions of every name, recorded by
// tools/make_gguf_word_fixtures.py for 4,000 strings.
TEST(GgufWords, AgreesWithReference) {
  const Json golden = Json::parse(read_golden("gguf_words.json"), "golden");
  const Json json = Json::parse(read_golden("gpt2/tokenizer.json"), "gpt2");
  const Json& model = json.at("model", "gpt2");
  GgufVocabulary v;
  v.model = "gpt2";
  const auto& vocabulary = model.at("vocab", "").as_object("");
  v.tokens.resize(vocabulary.size());
  for (const auto& [token, id] : vocabulary) v.tokens[static_cast<std::size_t>(id.as_integer(""))] = token;
  v.types.assign(v.tokens.size(), 1);
  v.types[0] = 3;  // <|endoftext|>
  for (const Json& merge : model.at("merges", "").as_array("")) {
    v.merges.push_back(text(merge.as_array("")[0].as_string(""), " ", merge.as_array("")[1].as_string("")));
  }
  constexpr std::size_t kGroup = 200;
  const std::vector<std::string> strings = Corpus().strings(4000);
  const std::vector<std::string> names = gguf_word_names();
  EXPECT_EQ(golden.as_object("").size(), names.size());
  for (const std::string& name : names) {
    v.pre = name;
    const Tokenizer t = Tokenizer::from_gguf(v, name);
    const auto& digests = golden.at(name, "golden").as_array("");
    ASSERT_EQ(digests.size(), strings.size() / kGroup);
    for (std::size_t group = 0; group < digests.size(); ++group) {
      Fnv digest;
      for (std::size_t i = 0; i < kGroup; ++i) {
        digest.add_ids(t.encode(strings[group * kGroup + i], {.add_special = false}));
      }
      ASSERT_EQ(digest.value(), digests[group].as_integer("")) << name << ", strings from " << group * kGroup;
    }
  }
}

}  // namespace
}  // namespace ttt
