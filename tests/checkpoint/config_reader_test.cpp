#include "checkpoint/config_reader.h"

#include <gtest/gtest.h>

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
  EXPECT_TRUE(finish(R"({"odd":null,"flag":false,"n":0,"s":"","list":[],"pretraining_tp":1})").empty());
  expect_error(ErrorKind::kUnsupported, "config.json: 'logit_scale' may change results and is not understood, got 0.5",
               [&] { finish(R"({"logit_scale":0.5})"); });
  expect_error(ErrorKind::kUnsupported, "pretraining_tp is supported as 1 only, got 2",
               [&] { finish(R"({"pretraining_tp":2})"); });
  expect_error(ErrorKind::kUnsupported, "quantization_config of method \"gptq\"",
               [&] { finish(R"({"quantization_config":{"quant_method":"gptq"}})"); });
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
  Json r = rope_parameters(c, 10000.0, layer);
  c.finish();
  return r;
}

TEST(RopeParameters, spellings) {
  EXPECT_EQ(rope("{}"), parse(R"({"rope_type":"default","rope_theta":10000.0})"));
  EXPECT_EQ(rope(R"({"rope_scaling":null,"rope_theta":500000})").find("rope_theta")->as_number(""), 500000.0);
  const Json older = rope(R"({"rope_theta":500000.0,"rope_scaling":{"type":"linear","factor":2}})");
  const Json newer = rope(R"({"rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":2.0}})");
  EXPECT_EQ(older, newer);
  const Json llama3 = rope(
      R"({"rope_scaling":{"factor":8.0,"low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}})");
  EXPECT_EQ(llama3.find("original_max_position_embeddings")->as_integer(""), 8192);
  EXPECT_EQ(llama3.find("high_freq_factor")->as_number(""), 4.0);
  EXPECT_EQ(rope(R"({"partial_rotary_factor":0.5})").find("partial_rotary_factor")->as_number(""), 0.5);
  EXPECT_EQ(rope(R"({"rope_freq_factors":true})").find("rope_freq_factors")->as_bool(""), true);
  const Json longrope = rope(
      R"({"original_max_position_embeddings":4096,"rope_scaling":{"type":"su","short_factor":[1.0,1.1],"long_factor":[1,2]}})");
  EXPECT_EQ(longrope.find("rope_type")->as_string(""), "longrope");
  EXPECT_EQ(longrope.find("long_factor")->as_array("").size(), 2U);
  EXPECT_EQ(longrope.find("original_max_position_embeddings")->as_integer(""), 4096);
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
  refused(ErrorKind::kBadData, "factor wanted a number of at least 1, got 0.5",
          R"({"rope_scaling":{"type":"linear","factor":0.5}})");
  refused(
      ErrorKind::kBadData, "high_freq_factor wanted above low_freq_factor 4",
      R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":4,"original_max_position_embeddings":8}})");
  refused(ErrorKind::kBadData, "original_max_position_embeddings is missing",
          R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4}})");
  refused(ErrorKind::kBadData, "rope_theta wanted a number above 0", R"({"rope_theta":0})");
  refused(ErrorKind::kUnsupported, "'special' may change results",
          R"({"rope_scaling":{"type":"linear","factor":2,"special":3}})");
  refused(ErrorKind::kBadData, "long_factor wanted positive numbers, got 0",
          R"({"rope_scaling":{"type":"longrope","short_factor":[1],"long_factor":[0]}})");
}

TEST(EndTokenIds, sources) {
  const Json none, list = parse(R"({"eos_token_id":[5,3,5]})"), one = parse(R"({"eos_token_id":7})"),
                   minus = parse(R"({"eos_token_id":-1})");
  using Ids = std::vector<std::int64_t>;
  EXPECT_EQ(end_token_ids(one, "config.json", none, 10), (Ids{7}));
  EXPECT_EQ(end_token_ids(one, "config.json", list, 10), (Ids{3, 5}));
  EXPECT_EQ(end_token_ids(one, "config.json", minus, 10), (Ids{7}));
  EXPECT_EQ(end_token_ids(parse("{}"), "config.json", none, 10), Ids{});
  expect_error(ErrorKind::kBadData, "config.json: eos_token_id wanted -1 .. 6, got 7",
               [&] { end_token_ids(one, "config.json", none, 7); });
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
  EXPECT_EQ(generation_defaults(Json(), "x", 1).do_sample, std::nullopt);
  for (const std::string_view json :
       {R"({"temperature":-1})", R"({"temperature":1e9})", R"({"temperature":NaN})", R"({"top_p":1.5})",
        R"({"min_p":-0.1})", R"({"top_k":-2})", R"({"repetition_penalty":0})", R"({"bos_token_id":100})",
        R"({"temperature":"hot"})", R"([])"}) {
    expect_error(ErrorKind::kBadData, "generation_config.json", [&] { read(json); });
  }
}

}  // namespace
}  // namespace ttt
