#include "checkpoint/config_reader.h"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/rope_parameters.h"
#include "tests/checkpoint/test_files.h"

namespace ttt {
namespace {

using testing::expect_error;

Json parse(std::string_view json) { return Json::parse(json, "test"); }

TEST(ConfigReader, reads) {
  const Json j = parse(R"({"n":3,"whole":4.0,"x":0.5,"flag":true,"s":"text","none":null,"ids":[1,2],"sub":{"n":7}})");
  ConfigReader c(j, "config.json");
  EXPECT_EQ(c.integer("n"), 3);
  EXPECT_EQ(c.integer("whole"), 4);
  EXPECT_EQ(c.number("x"), 0.5);
  EXPECT_EQ(c.number("n"), 3.0);
  EXPECT_TRUE(c.boolean("flag"));
  EXPECT_EQ(c.string("s"), "text");
  EXPECT_FALSE(c.has("none"));
  EXPECT_EQ(c.integer("none", 9), 9);
  EXPECT_EQ(c.string("absent", "d"), "d");
  EXPECT_EQ(c.optional_integer("absent"), std::nullopt);
  EXPECT_EQ(c.integers("ids"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(c.integers("n"), (std::vector<std::int64_t>{3}));
  ConfigReader sub = c.object("sub");
  EXPECT_EQ(sub.where(), "config.json: sub");
  EXPECT_EQ(sub.integer("n"), 7);
  c.finish();
}

TEST(ConfigReader, refuses) {
  const Json j = parse(R"({"heads":0,"eps":-1e-5,"s":"x","half":2.5,"zero":0,"ids":[1,99],"inf":Infinity})");
  ConfigReader c(j, "config.json");
  const auto bad = [](std::string_view message, const std::function<void()>& body) {
    expect_error(ErrorKind::kBadData, message, body);
  };
  bad("config.json: heads wanted 1 .. 64, got 0", [&] { c.integer("heads", {.min = 1, .max = 64}); });
  bad("config.json: eps wanted a number of at least 0, got -1e-05", [&] { c.number("eps", {.min = 0}); });
  bad("config.json: zero wanted a number above 0", [&] { c.number("zero", {.min = 0, .above_min = true}); });
  bad("config.json: inf wanted a number of at least 0, got inf", [&] { c.number("inf", {.min = 0}); });
  bad("config.json: none is missing", [&] { c.integer("none"); });
  bad("config.json: none is missing", [&] { c.object("none"); });
  bad("config.json: s", [&] { c.integer("s"); });
  bad("config.json: s", [&] { c.boolean("s"); });
  bad("config.json: half", [&] { c.integer("half"); });
  bad("config.json: ids wanted 0 .. 9, got 99", [&] { c.integers("ids", {.max = 9}); });
  bad("config.json: wanted an object", [&] { ConfigReader(Json(3), "config.json"); });
}

TEST(ConfigReader, finish) {
  const auto finish = [](std::string_view json) {
    const Json j = parse(json);
    ConfigReader c(j, "config.json");
    c.integer("read", 0);
    const std::string_view harmless[] = {"mine", "also_*"};
    c.finish(harmless);
    return c.ignored();
  };
  EXPECT_EQ(
      finish(
          R"({"read":1,"architectures":["X"],"torch_dtype":"bfloat16","mine":1,"also_this":2,"_attn_implementation_autoset":true})")
          .size(),
      5U);
  EXPECT_TRUE(finish(R"({"odd":null,"flag":false,"n":0,"s":"","list":[]})").empty());
  EXPECT_EQ(finish(R"({"pretraining_tp":2})"), std::vector<std::string>{"pretraining_tp"});
  expect_error(
      ErrorKind::kUnsupported,
      "config.json: 'logit_scale' may change results and is not understood, got 0.5 (--allow-unknown-keys ignores it)",
      [&] { finish(R"({"logit_scale":0.5})"); });
  expect_error(ErrorKind::kUnsupported, "quantization_config of method \"gptq\"",
               [&] { finish(R"({"quantization_config":{"quant_method":"gptq"}})"); });
}

TEST(ConfigReader, unknown_keys_pass_where_that_is_asked_for) {
  const Json j = parse(R"({"logit_scale":0.5,"flag":false,"architectures":["X"]})");
  ConfigReport report{.allow_unknown_keys = true};
  ConfigReader c(j, "config.json", &report);
  c.finish();
  EXPECT_EQ(c.unknown(), (std::vector<std::string>{"logit_scale", "flag"}));
  EXPECT_EQ(report.notes, std::vector<std::string>{
                              "config.json: 'logit_scale' is not understood and ignored, as was asked for, got 0.5"});
}

TEST(ConfigReader, keys_that_the_reference_ignores) {
  const Json j = parse(R"({"window":4096,"off":false,"sub":{"window":1}})");
  ConfigReport report;
  ConfigReader c(j, "config.json", &report);
  for (const char* key : {"window", "off", "absent", "window"}) c.ignore(key);
  c.object("sub").ignore("window");
  EXPECT_EQ(report.notes, (std::vector<std::string>{
                              "config.json: window has no effect in models of this type and is ignored, got 4096",
                              "config.json: sub: window has no effect in models of this type and is ignored, got 1"}));
  EXPECT_TRUE(report.warnings.empty());
  c.finish();
  ConfigReport strict{.strict = true};
  ConfigReader s(j, "config.json", &strict);
  s.ignore("off");
  expect_error(ErrorKind::kUnsupported, "config.json: window has no effect", [&] { s.ignore("window"); });
}

TEST(ConfigReader, contradictions) {
  const Json j = parse("{}");
  ConfigReport report;
  ConfigReader c(j, "config.json", &report);
  for (int i = 0; i < 2; ++i) c.contradiction("a is 1, b is 2; a counts");
  EXPECT_EQ(report.warnings, std::vector<std::string>{"config.json: a is 1, b is 2; a counts"});
  ConfigReport strict{.strict = true};
  ConfigReader s(j, "config.json", &strict);
  expect_error(ErrorKind::kBadData, "config.json: a is 1", [&] { s.contradiction("a is 1"); });
}

TEST(ConfigReader, only) {
  const Json j = parse(R"({"a":1,"b":1.0,"act":"gelu"})");
  ConfigReader c(j, "config.json");
  c.only("a", Json(1.0));
  c.only("b", Json(1));
  c.only("absent", Json(3));
  expect_error(ErrorKind::kUnsupported, "act is supported as \"silu\" only, got \"gelu\"",
               [&] { c.only("act", Json("silu")); });
}

Json rope(std::string_view json, std::string_view layer = "") {
  const Json j = parse(json);
  ConfigReader c(j, "config.json");
  Json r = rope_parameters(c, {.layer_type = layer});
  c.finish();
  return r;
}

TEST(ConfigReader, positions) {
  const auto positions = [](std::string_view value) {
    const Json json = parse(text(R"({"n":)", value, "}"));
    return ConfigReader(json, "config.json").positions("n");
  };
  constexpr std::int64_t kLargest = std::int64_t{1} << 31;
  EXPECT_EQ(positions("77"), 77);
  EXPECT_EQ(positions("null"), std::nullopt);
  // As Python writes "no limit".
  for (const char* none : {"Infinity", "1000000000000000019884624838656", "1e30", "2147483648"}) {
    EXPECT_EQ(positions(none), kLargest) << none;
  }
  for (const char* bad : {"0", "-1", "2.5", "NaN", "\"many\""}) {
    expect_error(ErrorKind::kBadData, "config.json: n ", [&] { positions(bad); });
  }
}

TEST(RopeParameters, spellings) {
  EXPECT_EQ(rope("{}"), parse(R"({"rope_type":"default","rope_theta":10000.0})"));
  EXPECT_EQ(rope(R"({"rope_scaling":null,"rope_theta":500000})").find("rope_theta")->as_number(""), 500000.0);
  const Json older = rope(R"({"rope_theta":500000.0,"rope_scaling":{"type":"linear","factor":2}})");
  const Json newer = rope(R"({"rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":2.0}})");
  EXPECT_EQ(older, newer);
  // Both, as long as they agree.
  EXPECT_EQ(
      newer,
      rope(
          R"({"rope_theta":500000,"rope_scaling":{"type":"linear","factor":2.0},"rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":2.0}})"));
  const Json llama3 = rope(
      R"({"rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}})");
  EXPECT_EQ(llama3.find("original_max_position_embeddings")->as_integer(""), 8192);
  EXPECT_EQ(llama3.find("high_freq_factor")->as_number(""), 4.0);
  EXPECT_EQ(rope(R"({"partial_rotary_factor":0.5})").find("partial_rotary_factor")->as_number(""), 0.5);
  EXPECT_EQ(rope(R"({"rope_freq_factors":true})").find("rope_freq_factors")->as_bool(""), true);
  const Json longrope = rope(
      R"({"original_max_position_embeddings":4096,"max_position_embeddings":131072,"rope_scaling":{"type":"su","short_factor":[1.0,1.1],"long_factor":[1,2]}})");
  EXPECT_EQ(longrope.find("rope_type")->as_string(""), "longrope");
  EXPECT_EQ(longrope.find("long_factor")->as_array("").size(), 2U);
  EXPECT_EQ(longrope.find("original_max_position_embeddings")->as_integer(""), 4096);
  EXPECT_EQ(longrope.find("factor")->as_number(""), 32);
}

TEST(RopeParameters, by_kind_of_layer) {
  const std::string_view json =
      R"({"rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1e6},"sliding_attention":{"rope_type":"default","rope_theta":1e4}}})";
  EXPECT_EQ(rope(json, "full_attention").find("rope_theta")->as_number(""), 1e6);
  EXPECT_EQ(rope(json, "sliding_attention").find("rope_type")->as_string(""), "default");
  expect_error(ErrorKind::kBadData, "wanted chunked_attention", [&] { rope(json, "chunked_attention"); });
  expect_error(ErrorKind::kUnsupported, "by kind of layer", [&] { rope(json); });
}

TEST(RopeParameters, refuses) {
  const auto refused = [](ErrorKind kind, std::string_view message, std::string_view json) {
    expect_error(kind, message, [&] { rope(json); });
  };
  refused(ErrorKind::kUnsupported, "rope_scaling: rope_type 'new' is not supported",
          R"({"rope_scaling":{"type":"new"}})");
  refused(ErrorKind::kBadData, "rope_scaling: factor is missing", R"({"rope_scaling":{"type":"linear"}})");
  refused(ErrorKind::kBadData, "factor wanted a number above 0, got 0",
          R"({"rope_scaling":{"type":"linear","factor":0}})");
  refused(ErrorKind::kBadData, "factor wanted a number of at least 1, got 0.5",
          R"({"rope_scaling":{"type":"dynamic","factor":0.5}})");
  refused(ErrorKind::kBadData, "max_position_embeddings is missing, which rope_type dynamic reads",
          R"({"rope_scaling":{"type":"dynamic","factor":2}})");
  refused(
      ErrorKind::kBadData, "high_freq_factor wanted above low_freq_factor 4",
      R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}})");
  refused(ErrorKind::kBadData, "original_max_position_embeddings is missing, and so is max_position_embeddings",
          R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}})");
  refused(ErrorKind::kBadData, "rope_theta wanted a number above 0", R"({"rope_theta":0})");
  refused(ErrorKind::kUnsupported, "'special' may change results",
          R"({"rope_scaling":{"type":"linear","factor":2,"special":3}})");
  refused(ErrorKind::kBadData, "long_factor wanted positive numbers, got 0",
          R"({"max_position_embeddings":9,"rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[0]}})");
}

TEST(EndTokenIds, sources) {
  const Json none, list = parse(R"({"eos_token_id":[5,3,5]})"), one = parse(R"({"eos_token_id":7})"),
                   minus = parse(R"({"eos_token_id":-1})");
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(end_token_ids(one, "config.json", none, "generation_config.json", 10), (Ids{7}));
  EXPECT_EQ(end_token_ids(one, "config.json", list, "generation_config.json", 10), (Ids{3, 5}));
  EXPECT_EQ(end_token_ids(one, "config.json", minus, "generation_config.json", 10), (Ids{7}));
  EXPECT_EQ(end_token_ids(parse("{}"), "config.json", none, "generation_config.json", 10), Ids{});
  // Beyond the model's ids nothing is generated: a note, or an error where that is asked for.
  ConfigReport report;
  EXPECT_EQ(end_token_ids(one, "config.json", none, "generation_config.json", 7, &report), Ids{});
  EXPECT_EQ(report.notes,
            std::vector<std::string>{"config.json: eos_token_id wanted -1 .. 6, got 7, which is never generated"});
  EXPECT_EQ(end_token_ids(one, "config.json", list, "generation_config.json", 5), Ids{3});
  ConfigReport strict{.strict = true};
  expect_error(ErrorKind::kBadData, "m/generation_config.json: eos_token_id wanted -1 .. 4, got 5",
               [&] { end_token_ids(parse("{}"), "config.json", list, "m/generation_config.json", 5, &strict); });
}

TEST(GenerationDefaults, reads_and_refuses) {
  const auto read = [](std::string_view json) {
    return generation_defaults(parse(json), "generation_config.json", 100);
  };
  const GenerationDefaults d = read(
      R"({"do_sample":true,"temperature":0.6,"top_p":0.9,"top_k":-1,"pad_token_id":-1,"bos_token_id":1,"transformers_version":"x"})");
  EXPECT_EQ(d.temperature, 0.6);
  EXPECT_EQ(d.top_k, 0);
  EXPECT_EQ(d.pad_token_id, std::nullopt);
  EXPECT_EQ(d.bos_token_id, 1);
  EXPECT_EQ(read(R"({"bos_token_id":100})").bos_token_id, std::nullopt);
  EXPECT_EQ(generation_defaults(Json(), "x", 1).do_sample, std::nullopt);
  for (const std::string_view json :
       {R"({"temperature":-1})", R"({"temperature":1e9})", R"({"temperature":NaN})", R"({"top_p":1.5})",
        R"({"min_p":-0.1})", R"({"top_k":-2})", R"({"repetition_penalty":0})", R"({"bos_token_id":-2})",
        R"({"temperature":"hot"})", R"([])", R"({"typical_p":0})", R"({"bad_words_ids":[[]]})",
        R"({"bad_words_ids":[3]})", R"({"bad_words_ids":[[100]]})", R"({"suppress_tokens":[-1]})",
        R"({"suppress_tokens":[1.5]})", R"({"sequence_bias":[[[3],"x"]]})", R"({"sequence_bias":{"3":1}})"}) {
    expect_error(ErrorKind::kBadData, "generation_config.json", [&] { read(json); });
  }
}

TEST(GenerationDefaults, reads_what_is_excluded_or_favoured) {
  const GenerationDefaults d = generation_defaults(
      parse(
          R"({"bad_words_ids":[[3],[4,5]],"suppress_tokens":[6,7,100],"sequence_bias":[[[8],-2.5]],"typical_p":0.9,"top_k":null})"),
      "generation_config.json", 100);
  EXPECT_EQ(d.bad_words, (std::vector<std::vector<std::int32_t>>{{3}, {4, 5}}));
  ASSERT_EQ(d.biases.size(), 3u);
  EXPECT_EQ(d.biases[0], (std::pair<std::int32_t, double>{8, -2.5}));
  EXPECT_EQ(d.biases[2].first, 7);
  EXPECT_TRUE(std::isinf(d.biases[2].second));
  EXPECT_EQ(d.typical_p, 0.9);
  EXPECT_EQ(d.top_k, std::nullopt);
}

// What transformers would do and this library does not is never left out in silence; asking for nothing is fine.
TEST(GenerationDefaults, refuses_what_is_not_built) {
  const auto read = [](const std::string& json) { generation_defaults(parse(json), "generation_config.json", 100); };
  for (const std::string json : {R"({"num_beams":4})",
                                 R"({"num_beam_groups":2})",
                                 R"({"num_return_sequences":3})",
                                 R"({"guidance_scale":1.5})",
                                 R"({"encoder_repetition_penalty":1.2})",
                                 R"({"diversity_penalty":0.5})",
                                 R"({"penalty_alpha":0.6})",
                                 R"({"no_repeat_ngram_size":3})",
                                 R"({"encoder_no_repeat_ngram_size":2})",
                                 R"({"epsilon_cutoff":0.001})",
                                 R"({"eta_cutoff":0.001})",
                                 R"({"min_length":5})",
                                 R"({"min_new_tokens":5})",
                                 R"({"token_healing":true})",
                                 R"({"remove_invalid_values":true})",
                                 R"({"dola_layers":"low"})",
                                 R"({"top_h":0.4})",
                                 R"({"forced_bos_token_id":2})",
                                 R"({"forced_eos_token_id":2})",
                                 R"({"watermarking_config":{"bias":2}})",
                                 R"({"exponential_decay_length_penalty":[5,1.1]})",
                                 R"({"max_time":2.5})",
                                 R"({"begin_suppress_tokens":[3]})",
                                 R"({"constraints":[1]})",
                                 R"({"force_words_ids":[[1]]})",
                                 R"({"stop_strings":["."]})"}) {
    const std::string key = json.substr(2, json.find('"', 2) - 2);
    expect_error(ErrorKind::kUnsupported, "generation_config.json: " + key + " is supported as", [&] { read(json); });
    expect_error(ErrorKind::kUnsupported, "(--ignore-generation-config leaves the file out)", [&] { read(json); });
  }
  expect_error(ErrorKind::kUnsupported, "sequence_bias is supported for single ids, got 2",
               [&] { read(R"({"sequence_bias":[[[3,4],1.0]]})"); });
  read(R"({"num_beams":1,"guidance_scale":1.0,"penalty_alpha":null,"no_repeat_ngram_size":0,"min_length":0,
           "stop_strings":[],"forced_eos_token_id":null,"length_penalty":2.0,"early_stopping":true,"my_own":7})");
}

}  // namespace
}  // namespace ttt
