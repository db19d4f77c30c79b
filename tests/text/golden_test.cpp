#include "tests/text/golden.h"

#include "tests/text/gguf_metadata.h"
#include "text/sentencepiece_model.h"

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
                                         "bert_uncased", "bert_cased", "bert_odd", "t5", "xlm_roberta", "unigram_bytes",
                                         "word_level", "scripts", "ctc", "clip", "gpt1", "bpe_prefix",
                                         "byte_normalized", "byte_inside"),
                         [](const auto& test) { return test.param; });

// Reference: what transformers makes of other files than tokenizer.json.
class GoldenFiles : public testing::TestWithParam<std::string> {
 protected:
  std::string file(const std::string& name) const { return read_golden(GetParam() + "/" + name); }
};

TEST_P(GoldenFiles, AgreeWithReference) {
  const Json config = Json::parse(file("tokenizer_config.json"), "tokenizer_config.json");
  const TokenizerFiles beside{.config = &config};
  const auto read = [&] {
    if (GetParam().starts_with("spm"))
      return Tokenizer::from_sentencepiece(file("tokenizer.model"), beside, GetParam());
    if (GetParam().starts_with("files_bert")) return Tokenizer::from_vocab_txt(file("vocab.txt"), beside, GetParam());
    return Tokenizer::from_merges(Json::parse(file("vocab.json"), "vocab.json"), file("merges.txt"), beside,
                                  GetParam());
  };
  expect_agrees(read(), GetParam() + "/digest.txt", {false, true});
}

INSTANTIATE_TEST_SUITE_P(All, GoldenFiles,
                         testing::Values("spm_llama", "spm_llama_legacy", "spm_bpe", "spm_unigram", "spm_plain",
                                         "spm_rules", "spm_t5", "files_gpt2", "files_roberta", "files_bert",
                                         "files_bert_cased"),
                         [](const auto& test) { return test.param; });

// What the converters of llama.cpp make of a WordPiece vocabulary: a mark in front of tokens that start a word.
GgufVocabulary bert_vocabulary(const Json& json) {
  GgufVocabulary v;
  v.model = "bert";
  const auto& vocab = json.at("model", "").at("vocab", "").as_object("");
  v.tokens.resize(vocab.size());
  v.types.assign(vocab.size(), 1);
  for (const auto& [token, id] : vocab) {
    const auto at = static_cast<std::size_t>(id.as_integer(""));
    const bool special = token.starts_with("[") && token.size() > 2;
    v.tokens[at] = special ? token : token.starts_with("##") ? token.substr(2) : "\xE2\x96\x81" + token;
    if (special) v.types[at] = 3;
    if (token == "[UNK]") v.unk = id.as_integer("");
    if (token == "[CLS]") v.bos = id.as_integer("");
    if (token == "[SEP]") v.sep = id.as_integer("");
    if (token == "[PAD]") v.pad = id.as_integer("");
  }
  return v;
}

TEST(GoldenGgufOfOthers, WordPieceAgreesWithTheTokenizerItCameFrom) {
  const Json json = Json::parse(read_golden("bert_uncased/tokenizer.json"), "tokenizer.json");
  const Tokenizer tokenizer = Tokenizer::from_gguf(bert_vocabulary(json), "m.gguf");
  // The vocabulary has "##\u2581", which the mark of a word's start cannot be told from: as in llama.cpp, a word whose
  // first character is unknown then starts with that token.
  constexpr int kGroupsWithSuchWords = 3;
  expect_agrees(tokenizer, "bert_uncased/digest.txt", {false, true}, kGroupsWithSuchWords);
  const Encoding pair = tokenizer.encode_pair("the river", "The MILL");
  const Encoding wanted = Tokenizer::from_json(json, {}, "t.json").encode_pair("the river", "The MILL");
  EXPECT_EQ(pair.ids, wanted.ids);
  EXPECT_EQ(pair.types, wanted.types);
}

GgufVocabulary unigram_vocabulary(const std::string& name) {
  const SentencePieceModel model = SentencePieceModel::parse(read_golden(name + "/tokenizer.model"), name);
  GgufVocabulary v;
  v.model = "t5";
  for (const auto& piece : model.pieces) {
    v.tokens.push_back(piece.text);
    v.scores.push_back(piece.score);
    v.types.push_back(static_cast<std::int32_t>(piece.type));
  }
  v.unk = model.unk_id;
  v.bos = model.bos_id;
  v.eos = model.eos_id;
  v.add_eos = false;
  v.charsmap = model.charsmap;
  v.add_space_prefix = model.add_dummy_prefix;
  v.remove_extra_whitespaces = model.remove_extra_whitespaces;
  return v;
}

class GoldenGgufUnigram : public testing::TestWithParam<std::string> {};

// Ids and the text of those ids. The references differ where a token is cut by a control token's text.
TEST_P(GoldenGgufUnigram, AgreesWithTheModelItCameFrom) {
  const Json config = Json::parse(read_golden(GetParam() + "/tokenizer_config.json"), "config");
  const Tokenizer wanted =
      Tokenizer::from_sentencepiece(read_golden(GetParam() + "/tokenizer.model"), {.config = &config}, GetParam());
  const Tokenizer tokenizer = Tokenizer::from_gguf(unigram_vocabulary(GetParam()), "m.gguf");
  for (const std::string& s : Corpus().strings(5000)) {
    const auto ids = wanted.encode(s);
    ASSERT_EQ(tokenizer.encode(s), ids) << s;
    ASSERT_EQ(tokenizer.decode(ids), wanted.decode(ids)) << s;
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenGgufUnigram, testing::Values("spm_plain", "spm_rules"),
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
                                         "bert_odd", "t5", "xlm_roberta", "clip"),
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
