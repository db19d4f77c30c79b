// The shape of a decoder from a configuration with keys of its own.

#include "runtime/decoder_config.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ttt {
namespace {

class Tensors final : public WeightSource {
 public:
  explicit Tensors(std::set<std::string> names) : names_(std::move(names)) {}
  ConstTensorView fetch(const WeightRequest& request) override {
    fail(ErrorKind::kInternal, text("no weights, but ", request.full_name(), " was wanted"));
  }
  bool has(const std::string& name) const override { return names_.contains(name); }

 private:
  std::set<std::string> names_;
};

// As GPT-2 spells them.
constexpr DecoderNames kNames{.vocab = "n_vocab",
                              .hidden = "n_embd",
                              .layers = "n_layer",
                              .heads = "n_head",
                              .kv_heads = "n_head_kv",
                              .head_dim = "d_head",
                              .tied = "tied",
                              .embedding_weight = "wte.weight",
                              .head_weight = "out.weight"};

struct Read {
  DecoderShape shape;
  ConfigReport report;
};

Read read(std::string_view keys, const DecoderNames& names,
          std::set<std::string> tensors = {"wte.weight", "out.weight"}, const DecoderDefaults& defaults = {}) {
  const Json json = Json::parse(keys, "config.json");
  Read r;
  ConfigReader config(json, "config.json", &r.report);
  Tensors source(std::move(tensors));
  r.shape = read_decoder_shape(config, source, defaults, names);
  return r;
}

std::string refusal(std::string_view keys, const DecoderNames& names) {
  try {
    read(keys, names);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadData);
    return e.what();
  }
  return "accepted";
}

TEST(DecoderNames, EveryKeyIsReadUnderItsName) {
  // The usual keys stand beside them, and are not looked at.
  const DecoderShape s =
      read(R"({"n_vocab": 50, "n_embd": 64, "n_layer": 3, "n_head": 8, "n_head_kv": 2, "d_head": 16, "tied": false,
                                  "vocab_size": 1, "hidden_size": 1, "num_hidden_layers": 1, "num_attention_heads": 1,
                                  "num_key_value_heads": 1, "head_dim": 1, "tie_word_embeddings": true})",
           kNames)
          .shape;
  EXPECT_EQ(s.vocab, 50);
  EXPECT_EQ(s.hidden, 64);
  EXPECT_EQ(s.layers, 3);
  EXPECT_EQ(s.heads, 8);
  EXPECT_EQ(s.kv_heads, 2);
  EXPECT_EQ(s.head_dim, 16);
  EXPECT_FALSE(s.tied);
}

TEST(DecoderNames, AnEmptyNameIsNoKey) {
  DecoderNames names = kNames;
  names.kv_heads = names.head_dim = {};
  constexpr std::string_view kKeys =
      R"({"n_vocab": 50, "n_embd": 64, "n_layer": 3, "n_head": 8, "n_head_kv": 2, "d_head": 16})";
  const DecoderShape s = read(kKeys, names, {"wte.weight", "out.weight"}, {.kv_heads = 4}).shape;
  EXPECT_EQ(s.kv_heads, 8);
  EXPECT_EQ(s.head_dim, 8);
}

TEST(DecoderNames, WhatIsMissingHasItsDefault) {
  constexpr std::string_view kKeys = R"({"n_vocab": 50, "n_embd": 64, "n_layer": 3, "n_head": 8})";
  const DecoderShape s = read(kKeys, kNames, {"wte.weight"}, {.kv_heads = 4, .head_dim = 32}).shape;
  EXPECT_EQ(s.kv_heads, 4);
  EXPECT_EQ(s.head_dim, 32);
  EXPECT_TRUE(s.tied);  // there is no out.weight
  EXPECT_EQ(read(R"({"n_vocab": 50, "n_embd": 64, "n_layer": 3, "n_head": 8, "n_head_kv": null})", kNames, {},
                 {.kv_heads = 4})
                .shape.kv_heads,
            8);
}

TEST(DecoderNames, ErrorsNameTheKeysOfTheFile) {
  EXPECT_EQ(refusal(R"({"n_embd": 64, "n_layer": 3, "n_head": 8})", kNames).find("config.json: n_vocab"), 0u);
  const auto message = [](std::string_view more) {
    return refusal(text(R"({"n_vocab": 50, "n_layer": 3, "n_head": 8, )", more, "}"), kNames);
  };
  EXPECT_EQ(
      message(R"("n_embd": 64, "n_head_kv": 3)").find("config.json: n_head_kv wanted a divisor of n_head 8, got 3"),
      0u);
  EXPECT_EQ(message(R"("n_embd": 63)").find("config.json: n_embd wanted a multiple of n_head 8, got 63"), 0u);
}

// Declared tied, but two tensors, or one under either name.
TEST(DecoderNames, TiedTensorsHaveTheirNames) {
  constexpr std::string_view kKeys = R"({"n_vocab": 50, "n_embd": 64, "n_layer": 3, "n_head": 8, "tied": true})";
  const Read both = read(kKeys, kNames);
  EXPECT_FALSE(both.shape.tied);
  ASSERT_EQ(both.report.same_tensors.size(), 1u);
  EXPECT_EQ(both.report.same_tensors[0].message,
            "config.json: tied is true, but out.weight differs from wte.weight; both are used, as in the reference");
  EXPECT_EQ(read(kKeys, kNames, {"wte.weight"}).shape.head.name, "/wte.weight");
  EXPECT_EQ(read(kKeys, kNames, {"out.weight"}).shape.embedding.name, "/out.weight");
}

}  // namespace
}  // namespace ttt
