#include <gtest/gtest.h>

#include <functional>

#include "base/json.h"
#include "text/tokenizer.h"

namespace ttt {
namespace {

using Ids = std::vector<std::int32_t>;

// A tokenizer.json of the tokens a, b, ab (0 to 2) with members replaced.
Json with(const std::string& key, const std::string& value) {
  Json json = Json::parse(R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
      "post_processor": null, "decoder": null,
      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})",
                          "base");
  if (key.rfind("model.", 0) == 0) {
    Json model = json.at("model", "");
    model.set(key.substr(6), Json::parse(value, "value"));
    json.set("model", model);
  } else {
    json.set(key, Json::parse(value, "value"));
  }
  return json;
}

void expect_refused(const std::function<void()>& call, ErrorKind kind, const std::string& message) {
  try {
    call();
    ADD_FAILURE() << "accepted: " << message;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what();
  }
}

struct Case {
  std::string key, value;
  ErrorKind kind;
  std::string message;
};

constexpr ErrorKind kBad = ErrorKind::kBadData;
constexpr ErrorKind kNot = ErrorKind::kUnsupported;

TEST(TokenizerJson, AcceptsTheBase) {
  const Tokenizer t = Tokenizer::from_json(with("version", "\"1.0\""), {}, "t.json");
  EXPECT_EQ(t.encode("abba"), (std::vector<std::int32_t>{2, 1, 0}));
  EXPECT_EQ(t.decode(std::vector<std::int32_t>{2, 1}), "ab b");
}

TEST(TokenizerJson, GapsAreAllowed) {
  const Tokenizer t = Tokenizer::from_json(with("model.vocab", R"({"a": 0, "b": 7, "ab": 1000})"), {}, "t.json");
  EXPECT_EQ(t.vocab_size(), 1001);
  EXPECT_EQ(t.encode("ab"), std::vector<std::int32_t>{1000});
  EXPECT_THROW(t.decode(std::vector<std::int32_t>{5}), Error);
}

TEST(TokenizerJson, RefusesWhatItDoesNotKnow) {
  const Case cases[] = {
      {"version", "\"2.0\"", kNot, "version \"2.0\" is not supported"},
      {"model", R"({"type": "Odd", "vocab": []})", kNot, "t.json: model: model of type \"Odd\" is not supported"},
      {"model", R"({"type": "Unigram", "vocab": [["a", 0]], "alpha": 0.1})", kNot, "alpha 0.1"},
      {"model.dropout", "0.1", kNot, "dropout 0.1"},
      {"normalizer", R"({"type": "Odd"})", kNot, "t.json: normalizer of type \"Odd\" is not supported"},
      {"normalizer", R"({"type": "Replace", "pattern": {"Regex": "(?<=x)y"}, "content": ""})", kNot,
       "the regular expression \"(?<=x)y\" is not supported"},
      {"normalizer", R"({"type": "Replace", "pattern": {"String": ""}, "content": ""})", kNot, "an empty pattern"},
      {"pre_tokenizer", R"({"type": "Odd"})", kNot, "pre_tokenizer of type \"Odd\""},
      {"pre_tokenizer", R"({"type": "Split", "pattern": {"Regex": "(a)\\1"}, "behavior": "Isolated", "invert": false})",
       kNot, "the regular expression \"(a)\\1\" is not supported: an escape that is not known"},
      {"pre_tokenizer", R"({"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false})",
       kNot, "an empty pattern"},
      {"pre_tokenizer", R"({"type": "Split", "pattern": {"String": "a"}, "behavior": "Mirrored", "invert": false})",
       kNot, "split behavior \"Mirrored\""},
      {"pre_tokenizer", R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "last"})", kNot,
       "prepend_scheme \"last\""},
      {"post_processor", R"({"type": "Odd"})", kNot, "post_processor of type \"Odd\""},
      {"post_processor", R"({"type": "TemplateProcessing", "single": [], "special_tokens": {}})", kNot,
       "a template without a sequence A"},
      {"post_processor",
       R"({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B"}}], "special_tokens": {}})", kNot,
       "template single with a sequence B"},
      {"decoder", R"({"type": "Odd"})", kNot, "decoder of type \"Odd\""},
      {"decoder", R"({"type": "BPEDecoder", "suffix": ""})", kNot, "an empty suffix"},
      {"decoder", R"({"type": "CTC", "pad_token": ""})", kNot, "an empty pad_token"},
  };
  for (const Case& c : cases) {
    expect_refused([&] { Tokenizer::from_json(with(c.key, c.value), {}, "t.json"); }, c.kind, c.message);
  }
}

TEST(TokenizerJson, RefusesContradictions) {
  const Case cases[] = {
      {"model.vocab", R"({"a": 0, "b": 0, "ab": 2})", kBad, "id 0 belongs to \"a\" and to \"b\""},
      {"model.vocab", R"({"a": -1, "b": 0, "ab": 2})", kBad, "wanted an id from 0 to 16777215, got -1"},
      {"model.vocab", R"({"a": 9999999999, "b": 0, "ab": 2})", kBad, "got 9999999999"},
      {"model.vocab", R"({"a": 1.5, "b": 0, "ab": 2})", kBad, "wanted integer, got 1.5"},
      {"model.vocab", "[]", kBad, "vocab wanted object, got array"},
      {"model.merges", R"([["a", "c"]])", kBad, "merge 0 names \"c\", which is not in the vocabulary"},
      {"model.merges", R"([["b", "a"]])", kBad, "merge 0 names \"ba\""},
      {"model.merges", R"([["", "a"]])", kBad, "merge 0 names \"\""},
      {"model.merges", R"(["ab"])", kBad, "two parts"},
      {"model.merges", R"(["a b c"])", kBad, "two parts"},
      {"model.merges", R"([["a"]])", kBad, "wanted 2 parts, got 1"},
      {"model.merges", "7", kBad, "merges wanted array"},
      {"model.unk_token", "\"<unk>\"", kBad, "unk_token \"<unk>\" is not in the vocabulary"},
      {"model.continuing_subword_prefix", "\"##\"", kBad, "merge 0 names \"b\", which wanted more than the prefix"},
      {"model", R"({"type": "WordPiece", "vocab": {"a": 0}, "max_input_chars_per_word": -1})", kBad,
       "max_input_chars_per_word wanted no negative number, got -1"},
      {"model", R"({"type": "WordPiece", "vocab": []})", kBad, "vocab wanted object, got array"},
      {"model", R"({"type": "Unigram", "vocab": {"a": 0}})", kBad, "vocab wanted array, got object"},
      {"model", R"({"type": "Unigram", "vocab": [["a"]]})", kBad, "entry 0 wanted a token and its score"},
      {"model", R"({"type": "Unigram", "vocab": [["a", 0], ["a", 1]]})", kBad, "\"a\" is there twice"},
      {"model", R"({"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1})", kBad, "unk_id 1 is not in the vocabulary"},
      {"pre_tokenizer", R"({"type": "FixedLength", "length": 0})", kBad, "length wanted at least 1, got 0"},
      {"pre_tokenizer", R"({"type": "CharDelimiterSplit", "delimiter": "ab"})", kBad, "wanted one character"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "A"})", kBad, "groups of 4 characters, got 1"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "A*=="})", kBad, "no digit of base 64"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAA="})", kBad, "at least 4 bytes, got 2"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "CAAAAAAA"})", kBad,
       "whole entries within 2 bytes, got 8"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "AAAAAAAA"})", kBad,
       "whole entries within 2 bytes, got 0"},
      {"normalizer", R"({"type": "Precompiled", "precompiled_charsmap": "BAAAAAAAAAD/"})", kBad, "no valid UTF-8"},
      {"post_processor", R"({"type": "TemplateProcessing", "special_tokens": {},
          "single": [{"Sequence": {"id": "A", "type_id": -1}}]})",
       kBad, "type_id wanted a small number, got -1"},
      {"added_tokens", R"([{"id": 5, "content": ""}])", kBad, "added token 5 is empty"},
      {"added_tokens", text(R"([{"id": 5, "content": ")", std::string(1 << 20, 'x'), "\"}]"), kBad,
       "wanted at most 65536 bytes, got 1048576"},
      {"added_tokens", R"([{"id": 5, "content": "a"}])", kBad, "token \"a\" has id 5 but 0 in the vocabulary"},
      {"added_tokens", R"([{"id": 1, "content": "x"}])", kBad, "id 1 belongs to \"b\" and to \"x\""},
      {"added_tokens", R"([{"id": 5, "content": "x"}, {"id": 5, "content": "y"}])", kBad, "id 5 belongs to"},
      {"added_tokens", R"([{"id": 5, "content": "x"}, {"id": 6, "content": "x"}])", kBad, "\"x\" is there twice"},
      {"added_tokens", R"([{"id": -5, "content": "x"}])", kBad, "got -5"},
      {"added_tokens", R"([{"content": "x"}])", kBad, "lacks \"id\""},
      {"post_processor", R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}],
          "special_tokens": {}})",
       kBad, "lacks \"<s>\""},
      {"post_processor", R"({"type": "BertProcessing", "cls": ["x", 77], "sep": ["y", 1]})", kBad,
       "the template adds id 77, which is no token"},
      {"post_processor", R"({"type": "BertProcessing", "cls": ["x"], "sep": ["y", 1]})", kBad, "a token and its id"},
      {"decoder", R"({"type": "Strip", "content": "ab", "start": 0, "stop": 0})", kBad, "wanted one character"},
      {"decoder", R"({"type": "Strip", "content": "a", "start": -1, "stop": 0})", kBad, "no negative number"},
      {"pre_tokenizer",
       R"({"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "add_prefix_space": false})", kBad,
       "contradicts"},
      {"pre_tokenizer", R"({"type": 3})", kBad, "type wanted string, got integer"},
      {"normalizer", "[]", kBad, "wanted object, got array"},
  };
  for (const Case& c : cases) {
    expect_refused([&] { Tokenizer::from_json(with(c.key, c.value), {}, "t.json"); }, c.kind, c.message);
  }
  expect_refused([] { Tokenizer::from_json(Json::parse("{}", ""), {}, "t.json"); }, kBad, "lacks \"model\"");
  for (const char* token : {"<0xZZ>", "<0x-1>", "<0x100>", "<0x>"}) {
    Json json = with("model.vocab", text(R"({"a": 0, "b": 1, "ab": 2, ")", token, "\": 3}"));
    Json model = json.at("model", "");
    model.set("byte_fallback", true);
    json.set("model", model);
    expect_refused([&] { Tokenizer::from_json(json, {}, "t.json"); }, kBad, text("\"", token, "\" names no byte"));
  }
}

// A word without token is an error where the vocabulary has no unknown token either.
TEST(TokenizerJson, RefusesWhatNoTokenStandsFor) {
  for (const char* model :
       {R"({"type": "WordPiece", "vocab": {"a": 0}})", R"({"type": "WordLevel", "vocab": {"a": 0}})",
        R"({"type": "Unigram", "vocab": [["a", 0]]})"}) {
    const Tokenizer t = Tokenizer::from_json(with("model", model), {}, "t.json");
    EXPECT_EQ(t.encode("a"), std::vector<std::int32_t>{0});
    expect_refused([&] { t.encode("b"); }, kBad, "\"b\" wanted an unknown token");
  }
}

// Protocol buffers: fields of piece, trainer and normaliser, spelled byte by byte.
TEST(SentencePiece, RefusesMalformedModels) {
  const auto refused = [](ErrorKind kind, const std::string& bytes, const std::string& message) {
    expect_refused([&] { Tokenizer::from_sentencepiece(bytes, {}, "m"); }, kind, message);
  };
  const std::string a(
      "\x0A\x08\x0A\x01"
      "a\x15\0\0\0\0",
      10);  // the piece "a" of score 0
  const auto with_trainer = [&](const std::string& fields) {
    return a + "\x12" + std::string(1, static_cast<char>(fields.size())) + fields;
  };
  EXPECT_EQ(Tokenizer::from_sentencepiece(with_trainer("\x18\x01"), {}, "m").vocab_size(), 4);  // and <unk>, <s>, </s>
  refused(kBad, "", "m: there are no pieces");
  refused(kBad, "\x0A", "m: a field wanted 1 bytes, got 0");
  refused(kBad, "\x0A\x7F", "m: a field wanted 127 bytes, got 0");
  refused(kBad, std::string("\0", 1), "m: a field without number");
  refused(kBad, "\x0B", "m: field 1 has wire type 3");
  refused(kBad, "\x08\x01", "m: field 1 wanted wire type 2, got 0");
  refused(kBad, "\x18" + std::string(11, '\x80'), "m: a number of more than 10 bytes");
  refused(kBad, "\x0A\x03\x0A\x01\xFF", "m: piece 0: field 1 is no valid UTF-8");
  refused(kBad, "\x0A\x02\x18\x07", "m: piece 0: type wanted 1 to 6, got 7");
  refused(kBad, std::string("\x0A\x05\x15\0\0\x80\x7F", 7), "m: piece 0: the score is no number");
  refused(kBad, "\x0A\x84\x08\x0A\x81\x08" + std::string(1025, 'x'), "m: piece 0: wanted at most 1024 bytes, got 1025");
  refused(kBad, with_trainer("\x18\x09"), "m: trainer_spec: model_type wanted 1 to 4, got 9");
  refused(kNot, with_trainer("\x18\x03"), "m: model_type WORD is not supported");
  refused(kNot, with_trainer("\xC0\x01\x01"), "treat_whitespace_as_suffix is not supported");
  refused(kBad, a + a, "\"a\" is there twice");
  refused(kBad, a + "\x1A\x04\x12\x02xx", "a precompiled charsmap wanted at least 4 bytes, got 2");
}

TEST(OtherFiles, RefuseClassesAndTokensThatTheyDoNotKnow) {
  const Json odd = Json::parse(R"({"tokenizer_class": "OddTokenizerFast"})", "config");
  const TokenizerFiles beside{.config = &odd};
  const std::string message = "tokenizer_class \"OddTokenizer\" with ";
  expect_refused([&] { Tokenizer::from_vocab_txt("a\n", beside, "v"); }, kNot, message + "vocab.txt alone");
  expect_refused([&] { Tokenizer::from_merges(Json(Json::Object{}), "", beside, "v"); }, kNot, message + "vocab.json");
  expect_refused(
      [&] {
        Tokenizer::from_sentencepiece(std::string("\x0A\x03\x0A\x01"
                                                  "a",
                                                  5),
                                      beside, "v");
      },
      kNot, message + "tokenizer.model alone");
  expect_refused([&] { Tokenizer::from_vocab_txt("[UNK]\n[SEP]\n", {}, "v"); }, kBad,
                 "the token \"[CLS]\" is not in the vocabulary");
  expect_refused([&] { Tokenizer::from_vocab_txt("\xFF", {}, "v"); }, kBad, "v: is no valid UTF-8");
  expect_refused([&] { Tokenizer::from_merges(Json(Json::Object{}), "\xFF", {}, "v"); }, kBad,
                 "merges.txt is no valid");
  expect_refused([&] { Tokenizer::from_merges(Json(Json::Object{}), "a b c\n", {}, "v"); }, kBad, "two parts");
}

GgufVocabulary small() {
  GgufVocabulary v;
  v.model = "gpt2";
  v.pre = "gpt-2";
  v.tokens = {"a", "b", "ab", "<s>"};
  v.types = {1, 1, 1, 3};
  v.merges = {"a b"};
  return v;
}

TEST(TokenizerGguf, RefusesBadMetadata) {
  EXPECT_EQ(Tokenizer::from_gguf(small(), "m.gguf").encode("ab<s>a"), (std::vector<std::int32_t>{2, 3, 0}));
  const auto refused = [](ErrorKind kind, const std::string& message,
                          const std::function<void(GgufVocabulary&)>& edit) {
    GgufVocabulary v = small();
    edit(v);
    expect_refused([&] { Tokenizer::from_gguf(v, "m.gguf"); }, kind, message);
  };
  refused(kNot, "m.gguf: tokenizer.ggml.model \"plamo2\" is not supported", [](auto& v) { v.model = "plamo2"; });
  refused(kNot, "tokenizer.ggml.pre \"gemma4\" is not supported", [](auto& v) { v.pre = "gemma4"; });
  refused(kBad, "there are no tokens", [](auto& v) { v.tokens.clear(); });
  refused(kBad, "token_type wanted 4 values, one for each token, got 1", [](auto& v) { v.types = {1}; });
  refused(kBad, "scores wanted 4 values", [](auto& v) { v.scores = {1}; });
  refused(kBad, "token 1 is no valid UTF-8", [](auto& v) { v.tokens[1] = "\xFF"; });
  refused(kBad, "\"a\" is there twice, with ids 0 and 1", [](auto& v) { v.tokens[1] = "a"; });
  refused(kBad, "token 1 \"b\" names no byte", [](auto& v) { v.types[1] = 6; });
  refused(kBad, "add_bos_token is true but bos_token_id 4 is no token", [](auto& v) {
    v.bos = 4;
    v.add_bos = true;
  });
  refused(kBad, "add_eos_token is true but eos_token_id -1 is no token", [](auto& v) {
    v.eos = -1;
    v.add_eos = true;
  });
  refused(kBad, "two parts", [](auto& v) { v.merges = {"ab"}; });
  refused(kBad, "two parts", [](auto& v) { v.merges = {""}; });
  refused(kBad, "names \"c\"", [](auto& v) { v.merges = {"a c"}; });
  refused(kBad, "wanted scores, got none", [](auto& v) { v.model = "llama"; });
  refused(kBad, "the score of token 1 is not a number", [](auto& v) {
    v.model = "llama";
    v.scores = {0, std::numeric_limits<float>::quiet_NaN(), 0, 0};
  });
}

TEST(TokenizerGguf, RefusesBadMetadataOfBertAndT5) {
  GgufVocabulary v = small();
  v.model = "bert";
  expect_refused([&] { Tokenizer::from_gguf(v, "m"); }, kBad, "model \"bert\" wanted bos_token_id, got none");
  v.bos = 3;
  expect_refused([&] { Tokenizer::from_gguf(v, "m"); }, kBad, "model \"bert\" wanted seperator_token_id, got none");
  v = small();
  v.model = "t5";
  expect_refused([&] { Tokenizer::from_gguf(v, "m"); }, kBad, "model \"t5\" wanted scores, got none");
  v.scores = {0, std::numeric_limits<float>::quiet_NaN(), 0, 0};
  expect_refused([&] { Tokenizer::from_gguf(v, "m"); }, kBad, "the score of token 1 is not a number");
  v.scores = {0, 0, 0, 0};
  v.charsmap = "xx";
  expect_refused([&] { Tokenizer::from_gguf(v, "m"); }, kBad, "m: precompiled_charsmap: a precompiled charsmap wanted");
}

// llama.cpp leaves out a byte that is no token, and merges nothing across it; the Hugging Face library does.
TEST(TokenizerGguf, NothingMergesAcrossAByteWithoutToken) {
  const Tokenizer gguf = Tokenizer::from_gguf(small(), "m.gguf");
  EXPECT_EQ(gguf.encode("acb"), (Ids{0, 1}));
  EXPECT_EQ(gguf.encode("cabcc"), (Ids{2}));
  EXPECT_EQ(gguf.encode("cc"), Ids{});
  const Json json = Json::parse(R"({"version": "1.0", "added_tokens": [],
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      "decoder": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})",
                                "t.json");
  EXPECT_EQ(Tokenizer::from_json(json, {}, "t.json").encode("acb"), (Ids{2}));
}

TEST(TokenizerGguf, BeginAndEndTokens) {
  GgufVocabulary v = small();
  v.bos = v.eos = 3;
  v.add_bos = v.add_eos = true;
  const Tokenizer t = Tokenizer::from_gguf(v, "m.gguf");
  EXPECT_EQ(t.encode("a"), (std::vector<std::int32_t>{3, 0, 3}));
  EXPECT_TRUE(t.adds_bos());
  EXPECT_TRUE(t.adds_eos());
  v.add_bos = v.add_eos = std::nullopt;
  EXPECT_FALSE(Tokenizer::from_gguf(v, "m.gguf").adds_bos());
  v.pre = "llama-bpe";
  EXPECT_TRUE(Tokenizer::from_gguf(v, "m.gguf").adds_bos());
}

}  // namespace
}  // namespace ttt
