#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/utf8.h"
#include "tests/text/corpus.h"
#include "tests/text/gguf_metadata.h"
#include "text/utf8_filter.h"

namespace ttt {
namespace {

using Ids = std::vector<std::int32_t>;

Tokenizer golden(const std::string& name, const Json* config = nullptr) {
  const std::string file = name + "/tokenizer.json";
  return Tokenizer::from_json(Json::parse(read_golden(file), file), {.config = config}, file);
}

TEST(Tokenizer, InvalidUtf8IsReadAsReplacementCharacters) {
  const Tokenizer t = golden("gpt2");
  EXPECT_EQ(t.encode("a\xFF\xE2\x82z"), t.encode("a\xEF\xBF\xBD\xEF\xBF\xBDz"));
  EXPECT_EQ(t.decode(t.encode("\xED\xA0\x80")), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Tokenizer, TokensAndIds) {
  const Tokenizer t = golden("llama3");
  const auto bos = t.id_of("<|begin_of_text|>");
  ASSERT_TRUE(bos.has_value());
  EXPECT_EQ(t.token_text(*bos), "<|begin_of_text|>");
  EXPECT_TRUE(t.is_special(*bos));
  EXPECT_FALSE(t.is_special(0));
  EXPECT_FALSE(t.is_special(-1));
  EXPECT_FALSE(t.is_special(1 << 30));
  EXPECT_FALSE(t.id_of("no such token").has_value());
  EXPECT_EQ(t.encode("").size(), 1u);
  EXPECT_TRUE(t.encode("", {.add_special = false}).empty());
  EXPECT_EQ(t.decode(Ids{*bos}), "<|begin_of_text|>");
  EXPECT_EQ(t.decode(Ids{*bos}, {.skip_special = true}), "");
}

TEST(Tokenizer, SpecialTextIsOrdinaryOnRequest) {
  const Tokenizer t = golden("smollm");
  const auto end = t.id_of("<|im_end|>");
  const Ids parsed = t.encode("hi<|im_end|>");
  const Ids plain = t.encode("hi<|im_end|>", {.parse_special = false});
  EXPECT_EQ(parsed.back(), end);
  for (const std::int32_t id : plain) EXPECT_FALSE(t.is_special(id));
  EXPECT_EQ(t.decode(plain), "hi<|im_end|>");
}

TEST(Tokenizer, ConfigNamesTokens) {
  const Json config = Json::parse(R"({"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>",
      "pad_token": null, "unk_token": "nowhere", "add_bos_token": true, "add_eos_token": true})",
                                  "config");
  const Tokenizer t = golden("qwen2", &config);
  EXPECT_EQ(t.bos_id(), t.id_of("<|im_start|>"));
  EXPECT_EQ(t.eos_id(), t.id_of("<|im_end|>"));
  EXPECT_FALSE(t.pad_id().has_value());
  // A named token that nobody knows is added.
  EXPECT_EQ(t.unk_id(), golden("qwen2").vocab_size());
  EXPECT_EQ(t.encode("xnowhere").back(), t.unk_id());
  // Only the template of tokenizer.json adds tokens; what asks for others is warned of.
  EXPECT_FALSE(t.adds_bos());
  EXPECT_FALSE(t.adds_eos());
  EXPECT_EQ(t.encode("x"), golden("qwen2").encode("x"));
  ASSERT_EQ(t.warnings().size(), 2u);
  EXPECT_NE(t.warnings()[0].find("add_bos_token is true"), std::string::npos) << t.warnings()[0];
  EXPECT_EQ(golden("llama3", &config).encode("x"), golden("llama3").encode("x"));
}

TEST(Tokenizer, UnknownIdsAreNamed) {
  const Tokenizer t = golden("gpt2");
  for (const std::int32_t id : {-1, 1 << 30, static_cast<std::int32_t>(t.vocab_size())}) {
    try {
      t.decode(Ids{0, id});
      FAIL() << id;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kUsage);
      EXPECT_NE(std::string(e.what()).find(text("id ", id)), std::string::npos) << e.what();
    }
    EXPECT_THROW(t.token_text(id), Error);
  }
}

TEST(Tokenizer, OneObjectServesManyThreads) {
  const Tokenizer t = golden("llama2");
  const std::vector<std::string> strings = Corpus().strings(400);
  std::vector<Ids> wanted;
  for (const auto& s : strings) wanted.push_back(t.encode(s));
  std::vector<int> wrong(3, 0);
  std::vector<std::thread> threads;
  for (std::size_t k = 0; k < wrong.size(); ++k) {
    threads.emplace_back([&, k] {
      for (std::size_t i = 0; i < strings.size(); ++i) wrong[k] += t.encode(strings[i]) == wanted[i] ? 0 : 1;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(3, 0));
}

class Streams : public testing::TestWithParam<std::string> {};

TEST_P(Streams, PiecesAreWholeCharactersAndJoinToDecode) {
  const bool gguf = GetParam().rfind("scored", 0) == 0;
  const std::string file = GetParam() + "/vocabulary.json";
  const Tokenizer t = gguf ? Tokenizer::from_gguf(vocabulary_from_metadata(Json::parse(read_golden(file), file)), file)
                           : golden(GetParam());
  Random r(5);
  for (int round = 0; round < 3000; ++round) {
    Ids ids(r.below(20));
    for (auto& id : ids) id = static_cast<std::int32_t>(r.below(static_cast<std::size_t>(t.vocab_size())));
    const DecodeOptions options{.skip_special = round % 2 == 0};
    StreamDecoder stream(t, options);
    std::string joined;
    for (const std::int32_t id : ids) {
      const std::string piece = stream.push(id);
      ASSERT_TRUE(is_valid_utf8(piece));
      joined += piece;
    }
    joined += stream.finish();
    ASSERT_EQ(joined, t.decode(ids, options));
  }
}

INSTANTIATE_TEST_SUITE_P(All, Streams,
                         testing::Values("gpt2", "llama2", "gemma", "metaspace_always", "lowercased", "splits",
                                         "bert_uncased", "scored_prefix", "scored_plain"),
                         [](const auto& test) { return test.param; });

TEST(StreamDecoder, HoldsUnfinishedCharactersBack) {
  const Tokenizer t = golden("gpt2");
  const Ids ids = t.encode("\xF0\x9F\xAB\xA8");
  ASSERT_GT(ids.size(), 1u);
  StreamDecoder whole(t);
  std::string out;
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) out += whole.push(ids[i]);
  EXPECT_EQ(out, "");
  EXPECT_EQ(whole.push(ids.back()), "\xF0\x9F\xAB\xA8");
  EXPECT_EQ(whole.finish(), "");
  StreamDecoder cut(t);
  EXPECT_EQ(cut.push(ids.front()), "");
  EXPECT_EQ(cut.finish(), "\xEF\xBF\xBD");
}

// Prompt and continuation are the text of the whole sequence, wherever it is cut.
TEST_P(Streams, AContinuationGoesOnWhereItsPromptEnds) {
  const bool gguf = GetParam().rfind("scored", 0) == 0;
  const std::string file = GetParam() + "/vocabulary.json";
  const Tokenizer t = gguf ? Tokenizer::from_gguf(vocabulary_from_metadata(Json::parse(read_golden(file), file)), file)
                           : golden(GetParam());
  int compared = 0;
  for (const std::string& s : Corpus().strings(600)) {
    const Ids ids = t.encode(s);
    const std::string whole = t.decode(ids);
    for (std::size_t cut = 0; cut <= ids.size(); ++cut) {
      const auto prompt = std::span(ids).first(cut);
      const std::string before = t.decode(prompt);
      if (whole.substr(0, before.size()) != before) continue;  // cut within a character
      StreamDecoder stream(t);
      stream.continue_after(prompt);
      std::string after;
      for (std::size_t i = cut; i < ids.size(); ++i) after += stream.push(ids[i]);
      after += stream.finish();
      ASSERT_EQ(before + after, whole) << cut;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1000);
}

// <0xHH> tokens that a prompt ends with are its own; a character that it leaves unfinished is finished.
TEST(StreamDecoder, BytesAcrossTheSeam) {
  const Tokenizer t = golden("llama2");
  const auto byte = [&](const char* token) { return *t.id_of(token); };
  const Ids sun{byte("<0xE6>"), byte("<0x97>"), byte("<0xA5>")};
  const auto after = [&](const Ids& prompt, const Ids& more) {
    StreamDecoder stream(t);
    stream.continue_after(prompt);
    std::string out;
    for (const std::int32_t id : more) out += stream.push(id);
    return out + stream.finish();
  };
  EXPECT_EQ(after(sun, {byte("<0x41>")}), "A");
  EXPECT_EQ(after(sun, {byte("<0x80>")}), "\xEF\xBF\xBD");
  EXPECT_EQ(after(sun, sun), "\xE6\x97\xA5");
  EXPECT_EQ(after({sun[0]}, {sun[1], sun[2]}), "\xE6\x97\xA5");
}

TEST(Decoder, StripCountsAtBothEnds) {
  const auto decoded = [](const char* steps, const std::vector<std::string>& tokens) {
    DecodeStream stream(Decoder::from_json(Json::parse(steps, "decoder"), "decoder"));
    std::string out;
    for (const auto& token : tokens) out += stream.push(token);
    return out + stream.finish();
  };
  const char* each = R"({"type": "Strip", "content": "x", "start": 1, "stop": 2})";
  EXPECT_EQ(decoded(each, {"xxaxxx", "x", "", "xx", "bx"}), "xaxb");
  const char* fused = R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
      {"type": "Strip", "content": "x", "start": 2, "stop": 2}]})";
  EXPECT_EQ(decoded(fused, {"x", "xx", "ax", "", "x", "bx", "x", "x"}), "xaxxbx");
  EXPECT_EQ(decoded(fused, {}), "");
}

TEST(Utf8Filter, ReplacesMaximalInvalidParts) {
  EXPECT_EQ(valid_utf8("a\xC3\xA9\xF0\x9F\x98\x80"), "a\xC3\xA9\xF0\x9F\x98\x80");
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("\x80\xC0\xAF"), r + r + r);
  EXPECT_EQ(valid_utf8("\xF0\x9F\x98"), r);
  EXPECT_EQ(valid_utf8("\xF0\x9Fz"), r + "z");
  EXPECT_EQ(valid_utf8("\xE0\x80\x80"), r + r + r);
  EXPECT_EQ(valid_utf8("\xF4\x90"), r + r);
  EXPECT_EQ(valid_utf8("\xE2\x82\xE2\x82\xAC"), r + "\xE2\x82\xAC");
  std::string bytes;
  Random random(3);
  for (int i = 0; i < 4000; ++i)
    bytes.push_back(static_cast<char>(random.below(4) == 0 ? random.below(128) : random.below(256)));
  Utf8Filter filter;
  std::string out;
  for (const char c : bytes) filter.push(std::string_view(&c, 1), out);
  filter.finish(out);
  EXPECT_EQ(out, valid_utf8(bytes));
  EXPECT_TRUE(is_valid_utf8(out));
}

}  // namespace
}  // namespace ttt
