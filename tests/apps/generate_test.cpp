#include <cmath>

#include "apps/tool.h"
#include "support/real_model.h"

namespace ttt {
namespace {

using support::Finished;
using support::tool;

class GenerateToolTest : public support::ToolTest {
 protected:
  static Finished generate(const std::string& model, std::vector<std::string> more) {
    std::vector<std::string> all{"generate", "-m", model};
    all.insert(all.end(), more.begin(), more.end());
    return tool(all);
  }
  // The line "ttt: sampling: {...}" that -v gives.
  static Json sampling(const Finished& f) {
    const std::string lead = "ttt: sampling: ";
    const std::size_t at = f.err.find(lead);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + lead.size();
    return Json::parse(f.err.substr(begin, f.err.find('\n', begin) - begin), "sampling");
  }
  static double number(const Json& spec, std::string_view key) { return spec.at(key, "sampling").as_number(key); }
};

TEST_F(GenerateToolTest, StdoutIsTheContinuationOnly) {
  const std::string a = constant_model();
  const Finished f = generate(a, {"-p", "Hello", "-n", "5"});
  expect_ok(f);
  EXPECT_EQ(f.out, "aaaaa");
  EXPECT_EQ(generate(a, {"-p", "Hello", "-n", "0"}).out, "");
  expect_ok(generate(a, {"-p", "Hello", "-n", "0"}));
  EXPECT_EQ(generate(a, {"-f", file("prompt.txt", "Hello"), "-n", "3", "--chunk", "1", "-t", "1"}).out, "aaa");

  const std::string special = constant_model(kBegin);
  const Finished none = generate(special, {"-p", "Hello", "-n", "5", "-v"});
  EXPECT_EQ(none.out, "");
  EXPECT_NE(none.err.find("ttt: 5 tokens, stopped by length\n"), std::string::npos) << none.err;

  const std::string end = constant_model(kEndOfTurn);
  const Finished ended = generate(end, {"-p", "Hello", "-n", "5", "-v"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "");
  EXPECT_NE(ended.err.find("ttt: 0 tokens, stopped by end\n"), std::string::npos) << ended.err;

  // Ids that a padded vocabulary has beyond the tokenizer's.
  const Finished padding = generate(constant_model(kVocab - 1), {"-p", "Hello", "-n", "5"});
  expect_ok(padding);
  EXPECT_EQ(padding.out, "");
}

TEST_F(GenerateToolTest, ATextThatBeginsItselfIsWarnedOf) {
  const std::string a = constant_model();
  support::write_file(a + "/tokenizer_config.json", R"({"bos_token": "<|begin_of_text|>"})");
  const Finished twice = generate(a, {"-p", "<|begin_of_text|>Hello", "-n", "2"});
  EXPECT_EQ(twice.out, "aa");
  EXPECT_NE(twice.err.find("ttt: warning: the text starts with \"<|begin_of_text|>\""), std::string::npos) << twice.err;
  expect_ok(generate(a, {"-p", "<|begin_of_text|>Hello", "-n", "2", "--no-special-tokens"}));
  expect_error(generate(a, {"-p", "", "-n", "2", "--no-special-tokens"}), 2, {"at least one token"});
}

TEST_F(GenerateToolTest, ATokenWithoutARowIsNamed) {
  const std::string small = constant_model(kLetterA, [] {
    Json c = config();
    c.set("vocab_size", 901);
    c.set("eos_token_id", 7);
    return c;
  }());
  expect_ok(generate(small, {"-p", "Hello", "-n", "2"}));
  expect_error(generate(small, {"-p", "Hello<|eot_id|>", "-n", "2"}), 3, {"901", "<|eot_id|>", "vocab_size is 901"});
}

TEST_F(GenerateToolTest, SmolLM2SpeaksAsTheReferenceDoes) {
  TTT_REQUIRE_MODEL(model, "TTT_SMOLLM2_GGUF");
  const Json reference =
      Json::parse(support::read_file(std::string(TTT_SOURCE_DIR) + "/tests/golden/smollm2/reference.json"), "");
  const Json& first = reference.at("generation", "").as_array("")[0];
  const Finished f = generate(model, {"-p", first.at("prompt", "").as_string(""), "-n", "16", "--format", "f32",
                                      "--kv-format", "f32", "--temp", "0"});
  EXPECT_EQ(f.status, 0) << f.err;
  EXPECT_TRUE(f.err.starts_with("ttt: warning: the model has a chat template")) << f.err;
  EXPECT_EQ(std::ranges::count(f.err, '\n'), 1) << f.err;
  EXPECT_FALSE(f.out.empty());
  EXPECT_TRUE(first.at("text", "").as_string("").starts_with(f.out)) << f.out;
}

TEST_F(GenerateToolTest, TheSeedDecidesTheText) {
  const std::string model = random_model();
  const auto draw = [&](const std::string& seed) {
    const Finished f = generate(model, {"-p", "Hello", "-n", "30", "--temp", "1.5", "--seed", seed});
    expect_ok(f);
    return f.out;
  };
  const std::string first = draw("7");
  EXPECT_EQ(draw("7"), first);
  EXPECT_NE(draw("8"), first);
  EXPECT_EQ(draw("18446744073709551615"), draw("18446744073709551615"));
  const auto greedy = [&] { return generate(model, {"-p", "Hello", "-n", "30"}).out; };
  EXPECT_EQ(greedy(), greedy());
}

TEST_F(GenerateToolTest, GenerationConfigCountsUnlessFlagsSayOtherwise) {
  const std::string model = constant_model();
  const std::string where = model + "/generation_config.json";
  const auto spec = [&](const std::string& json, std::vector<std::string> more) {
    support::write_file(where, json);
    more.insert(more.end(), {"-p", "Hello", "-n", "1", "-v", "--seed", "1"});
    const Finished f = generate(model, more);
    EXPECT_EQ(f.status, 0) << f.err;
    return sampling(f);
  };
  const std::string sampled =
      R"({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 20, "min_p": 0.1, "repetition_penalty": 1.2})";
  const Json all = spec(sampled, {});
  EXPECT_EQ(number(all, "temperature"), 0.6);
  EXPECT_EQ(number(all, "top_p"), 0.9);
  EXPECT_EQ(number(all, "top_k"), 20);
  EXPECT_EQ(number(all, "min_p"), 0.1);
  EXPECT_EQ(number(all, "repetition_penalty"), 1.2);
  EXPECT_EQ(number(all, "seed"), 1);
  const Json flags = spec(sampled, {"--temp", "0", "--top-p", "0.5", "--repeat-penalty", "1"});
  EXPECT_EQ(number(flags, "temperature"), 0);
  EXPECT_EQ(number(flags, "top_p"), 0.5);
  EXPECT_EQ(number(flags, "top_k"), 20);
  EXPECT_EQ(number(flags, "repetition_penalty"), 1);
  EXPECT_EQ(number(spec(sampled, {"--ignore-generation-config"}), "temperature"), 0);
  EXPECT_EQ(number(spec(R"({"do_sample": true})", {}), "temperature"), 1);
  EXPECT_EQ(number(spec(R"({"do_sample": true})", {}), "top_k"), 50);  // what transformers takes
  EXPECT_EQ(number(spec(R"({"do_sample": true, "top_k": 0})", {}), "top_k"), 0);
  EXPECT_EQ(number(spec(R"({"do_sample": true, "typical_p": 0.7})", {}), "typical_p"), 0.7);
  const Json excluded = spec(R"({"bad_words_ids": [[3], [4, 5]], "suppress_tokens": [6], "eos_token_id": 3})", {});
  EXPECT_EQ(excluded.at("bad_words", "spec").dump(), "[[4, 5]]");
  EXPECT_EQ(excluded.at("logit_bias", "spec").as_array("bias").size(), 1u);
  EXPECT_EQ(number(excluded, "temperature"), 0);
  EXPECT_EQ(number(spec(R"({"do_sample": false, "temperature": 0.6})", {}), "temperature"), 0);
  EXPECT_EQ(number(spec("{}", {}), "temperature"), 0);
  EXPECT_EQ(number(spec("{}", {"--top-k", "3"}), "temperature"), 1);

  support::write_file(where, R"({"do_sample": true, "temperature": 5.0})");
  const auto draw = [&](const std::string& seed) {
    return generate(model, {"-p", "Hi", "-n", "20", "--seed", seed}).out;
  };
  EXPECT_NE(draw("1"), draw("2"));
  support::write_file(where, text(R"({"eos_token_id": [3, )", kLetterA, "]}"));
  EXPECT_EQ(generate(model, {"-p", "Hello", "-n", "5"}).out, "");
}

TEST_F(GenerateToolTest, BadGenerationConfigsAreRefusedByName) {
  const std::string model = constant_model();
  const std::string where = model + "/generation_config.json";
  const auto with = [&](const std::string& json) {
    support::write_file(where, json);
    return generate(model, {"-p", "Hello", "-n", "1"});
  };
  expect_error(with(R"({"temperature": -1})"), 3, {where, "temperature"});
  expect_error(with(R"({"do_sample": true, "top_p": 2})"), 3, {where, "top_p"});
  expect_error(with(R"({"top_k": "many"})"), 3, {where, "top_k"});
  expect_error(with(R"({"eos_token_id": -2})"), 3, {where, "eos_token_id", "-2"});
  expect_error(with(R"({"num_beams": 4})"), 6, {where, "num_beams", "4"});
  expect_error(with("{"), 3, {where});
  expect_error(with("[]"), 3, {where});
  support::write_file(where, R"({"temperature": -1})");
  expect_ok(generate(model, {"-p", "Hello", "-n", "1", "--ignore-generation-config"}));
}

// Whatever else the request gets wrong is told before weights are read: these would be too many to read.
TEST_F(GenerateToolTest, WhatIsWrongIsToldBeforeWeightsAreRead) {
  const std::string model = constant_model();
  support::write_file(model + "/generation_config.json", R"({"top_k": -3})");
  const std::vector<std::string> more{"-p", "Hello", "-n", "1", "--format", "int8", "-v"};
  const auto refused = generate(model, more);
  expect_error(refused, 3, {"generation_config.json: top_k"});
  std::vector<std::string> hot = more;
  hot.insert(hot.end(), {"--top-p", "2", "--ignore-generation-config"});
  expect_error(generate(model, hot), 2, {"top_p"});
}

// As tokenizers are that leave ids free.
TEST_F(GenerateToolTest, IdsWithoutTokenHaveNoText) {
  const std::string model = constant_model(500);
  const std::string file = model + "/tokenizer.json";
  Json tokenizer = Json::parse(support::read_file(file), file);
  Json::Object vocab;
  for (const auto& [token, id] : tokenizer.at("model", "").at("vocab", "").as_object("")) {
    if (id.as_integer("") < 400) vocab.emplace_back(token, id);
  }
  Json bpe = tokenizer.at("model", "");
  bpe.set("vocab", Json(std::move(vocab)));
  bpe.set("merges", Json(Json::Array{}));
  tokenizer.set("model", bpe);
  support::write_file(file, tokenizer.dump());
  const auto f = generate(model, {"-p", "a", "-n", "3"});
  expect_ok(f);
  EXPECT_EQ(f.out, "");
}

TEST_F(GenerateToolTest, TheContextIsTheModelsUnlessAskedFor) {
  const std::string model = constant_model(kLetterA, config(16));
  // A begin token and five letters.
  const std::vector<std::string> prompt{"-p", "bcdef", "-n", "100"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), prompt.begin(), prompt.end());
    return generate(model, more);
  };
  const Finished limit = with({});
  expect_ok(limit);
  EXPECT_EQ(limit.out, std::string(limit.out.size(), 'a'));
  EXPECT_GE(limit.out.size(), 11u);
  const Finished smaller = with({"--ctx", "14"});
  expect_ok(smaller);
  EXPECT_EQ(smaller.out.size() + 2, limit.out.size());
  expect_error(with({"--ctx", "17"}), 2, {"context 17 is longer than the model's max_position_embeddings 16"});
  expect_error(with({"--ctx", "2"}), 2, {"--ctx 2 wanted at least"});
  const Finished longer = generate(model, {"-p", std::string(40, 'b'), "-n", "2"});
  EXPECT_EQ(longer.status, 0);
  EXPECT_EQ(longer.out.substr(0, 2), "aa");
  EXPECT_TRUE(longer.err.starts_with("ttt: warning: context ")) << longer.err;
  EXPECT_NE(longer.err.find("is longer than the model's max_position_embeddings 16"), std::string::npos);
  const Finished endless = generate(model, {"-p", "bcdef", "-n", "9223372036854775807"});
  expect_ok(endless);
  EXPECT_EQ(endless.out, limit.out);
}

TEST_F(GenerateToolTest, PromptsMayBeAnyBytes) {
  const std::string model = constant_model();
  for (const std::string& prompt :
       {std::string(), std::string("\xff\xfe\x80"), std::string("\xed\xa0\x80"), std::string("a\xcc"),
        std::string("\xef\xbf\xbf\xe2\x80\xae"), std::string("<|eot_id|>")}) {
    const Finished f = generate(model, {"-f", file("prompt", prompt), "-n", "2"});
    expect_ok(f);
    EXPECT_EQ(f.out, "aa");
  }
  expect_error(generate(model, {"-p", "a", "-f", path("prompt"), "-n", "1"}), 2, {"-p and -f exclude each other"});
  expect_error(generate(model, {"-f", path("none"), "-n", "1"}), 4, {"none"});
  expect_error(generate(model, {"-p", "a", "-n", "-1"}), 2, {"-n wanted"});
  add_tokenizer(model, "smollm");  // adds no begin token
  expect_error(generate(model, {"-n", "1"}), 2, {"the prompt wanted at least one token"});
}

TEST_F(GenerateToolTest, BrokenWeightsAreReported) {
  const std::string model = path("nan");
  support::write_constant_checkpoint(model, config(), [](std::int64_t id) { return id == 5 ? std::nanf("") : 0.0f; });
  add_tokenizer(model);
  expect_error(generate(model, {"-p", "a"}), 3, {"numerical error"});
  const Finished checked = generate(model, {"-p", "a", "--check-weights"});
  expect_error(checked, 3, {model, "lm_head.weight holds 32 NaN and 0 infinite values, the first at element 160"});
  expect_ok(generate(constant_model(), {"-p", "a", "-n", "1", "--check-weights"}));
}

TEST_F(GenerateToolTest, SaysAtVerboseWhatItUses) {
  const Finished f = generate(random_model(), {"-p", "a", "-n", "1", "-v", "-t", "1"});
  EXPECT_NE(f.err.find(" bytes used in place, 0 bytes converted or packed; "), std::string::npos) << f.err;
  const Finished packed = generate(path("random"), {"-p", "a", "-n", "1", "-v", "--format", "int8"});
  EXPECT_EQ(packed.err.find(" 0 bytes converted"), std::string::npos) << packed.err;
}

TEST_F(GenerateToolTest, KeepsToAGrammar) {
  const std::string model = constant_model();  // writes "a" wherever it can
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), {"-p", "Hello", "-n", "40"});
    return generate(model, more);
  };
  const Finished regex = with({"--regex", "b(a|c){3}!"});
  expect_ok(regex);
  EXPECT_EQ(regex.out, "baaa!");
  EXPECT_EQ(with({"--grammar", file("g.gbnf", "root ::= \"x\" [a-z]{2} tail\ntail ::= \"z\"\n")}).out, "xaaz");
  EXPECT_EQ(with({"--json-schema", file("s.json", R"({"properties":{"k":{"enum":["b","a"]}},"required":["k"]})")}).out,
            R"({"k":"a"})");
  const Finished cut = with({"--regex", "a{100}"});
  EXPECT_EQ(cut.out, std::string(40, 'a'));
  expect_error(with({"--regex", "a", "--grammar", file("g.gbnf", "")}), 2, {"exclude each other"});
  expect_error(with({"--regex", "(a)\\1"}), 6, {"--regex", "back-reference"});
  expect_error(with({"--grammar", file("bad.gbnf", "root ::= (")}), 3, {"bad.gbnf: line 1, column"});
  expect_error(with({"--json-schema", file("bad.json", R"({"not":{}})")}), 6, {"bad.json: #: the keyword not"});
  expect_error(with({"--json-schema", file("bad.json", "{")}), 3, {"bad.json"});
  expect_error(with({"--json-schema", path("none")}), 4, {"none"});
}

TEST_F(GenerateToolTest, SmolLM2WritesValidJson) {
  TTT_REQUIRE_MODEL(model, "TTT_SMOLLM2_GGUF");
  const std::string schema =
      file("person.json", R"({"type":"object","properties":{"name":{"type":"string","maxLength":30},
    "age":{"type":"integer","minimum":0,"maximum":120},"tags":{"type":"array","items":{"type":"string","maxLength":10},"maxItems":3},
    "joined":{"type":"string","format":"date"}},"required":["name","age","tags","joined"]})");
  for (const std::string seed : {"1", "2", "3"}) {
    const Finished f = generate(
        model, {"-p", "Ada Lovelace as JSON: ", "-n", "200", "--temp", "1.5", "--seed", seed, "--json-schema", schema});
    EXPECT_EQ(f.status, 0) << f.err;
    const Json person = Json::parse(f.out, "output");
    EXPECT_EQ(person.as_object("output").size(), 4u) << f.out;
    EXPECT_LE(person.at("age", "").as_integer(""), 120) << f.out;
    EXPECT_LE(person.at("tags", "").as_array("").size(), 3u) << f.out;
    EXPECT_EQ(person.at("joined", "").as_string("").size(), 10u) << f.out;
  }
}

}  // namespace
}  // namespace ttt
